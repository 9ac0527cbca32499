"""Strategies for what hostile and careless clients send: bytes near and far from good messages."""

import json

from hypothesis import strategies as st

NAMES = (
    "echo", "refuse", "nothing", "tools/call", "tools/list", "initialize", "ping",
    "server/discover", "resources/list", "resources/read", "resources/templates/list",
    "prompts/list", "prompts/get", "completion/complete", "logging/setLevel", "tasks/get",
    "tasks/cancel", "tasks/update", "tasks/list", "subscriptions/listen", "resources/subscribe",
    "notifications/cancelled", "notifications/initialized", "notifications/progress",
    "rpc.discover", "",
)  # fmt: skip
VERSIONS = ("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "1999-01-01", "")
_PREFIX = "io.modelcontextprotocol/"

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=2**80)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        (*NAMES, *VERSIONS, "profile://x", "profile://{id}", "\ud800", "\0", "__class__")
    )
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
metas = st.fixed_dictionaries(
    {},
    optional={
        _PREFIX + "protocolVersion": st.sampled_from(VERSIONS) | values,
        _PREFIX + "clientCapabilities": st.just({}) | values,
        _PREFIX + "clientInfo": values,
        _PREFIX + "logLevel": st.sampled_from(("debug", "error", "loud")) | values,
        "progressToken": values,
        "traceparent": values,
        "tracestate": values,
    },
)
params = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(NAMES) | values,
        "uri": st.sampled_from(("profile://x", "profile://")) | values,
        "arguments": st.fixed_dictionaries({"say": scalars}) | values,
        "_meta": metas | values,
        "cursor": values,
        "notifications": values,
        "ref": values,
        "argument": values,
        "taskId": values,
        "task": values,
        "requestId": values,
        "level": values,
        "protocolVersion": st.sampled_from(VERSIONS) | values,
        "capabilities": values,
        "clientInfo": values,
        "inputResponses": values,
        "requestState": values,
        "say": scalars,
        "_client_id": values,
    },
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | values,
        "id": st.integers() | st.text(max_size=5) | values,
        "method": st.sampled_from(NAMES) | values,
        "params": params | values,
        "result": values,
        "error": values,
    },
)


def encoded(value: object) -> bytes:
    """JSON, or what careless encoders take for it (NaN, lone surrogates)."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


good_or_nearly = (messages | st.lists(messages, max_size=4) | values).map(encoded)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message with some bytes cut out, put in, or changed."""
    data = bytearray(draw(messages.map(encoded)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 6)))
        data[at:end] = draw(st.binary(max_size=6))
    return bytes(data)


bodies = good_or_nearly | mutated() | st.binary(max_size=200)

_header_names = st.sampled_from(
    (
        b"accept", b"content-type", b"content-encoding", b"content-length", b"host", b"origin",
        b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"mcp-session-id", b"last-event-id",
        b"mcp-param-x", b"x-request-id", b"traceparent", b"x-api-key", b"expect",
    )
) | st.binary(min_size=1, max_size=12).map(bytes.lower)  # fmt: skip
_header_values = st.sampled_from(
    (
        b"application/json", b"text/event-stream", b"application/json, text/event-stream", b"*/*",
        b"2026-07-28", b"2025-11-25", b"tools/call", b"echo", b"=?base64?ZWNobw==?=", b"=?base64?",
        b"127.0.0.1", b"gzip", b"0.1", b"a.99999999999999999999", b"",
    )
) | st.binary(max_size=20)  # fmt: skip
headers = st.lists(st.tuples(_header_names, _header_values), max_size=5)

"""What is called: tools with arguments and weights, as the bytes that go on the wire. No I/O."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from dynogate.errors import ConfigurationError

Transport = Literal["rpc", "mcp", "ws"]
FALLBACK_TOOL = "list_databases"
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
CLIENT = {"name": "dynogate-load", "version": "1"}
FIRST_ID = 1_000_000_000
"""Ids have ten digits from the first to the last, so that every body has the same length."""

_LONGEST_NAME = 256
# Verbs of names that only look something up, from cheap to dear; for servers without annotations.
_READING = ("ping", "health", "status", "echo", "version", "list", "get", "describe", "show")


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of call in a scenario.

    Attributes:
        tool: its name.
        arguments: what it is called with.
        weight: how often, relative to the others.
    """

    tool: str
    arguments: dict[str, Any] = {}
    weight: float = 1.0


def read_scenario(path: Path) -> tuple[Call, ...]:
    """A scenario file: a JSON or YAML list of ``{tool, arguments, weight}``.

    Raises:
        ConfigurationError: it cannot be read, or is no such list.
    """
    try:
        text = path.read_bytes()
        decode = msgspec.yaml.decode if path.suffix in {".yaml", ".yml"} else msgspec.json.decode
        calls = decode(text, type=tuple[Call, ...])
    except OSError as error:
        raise ConfigurationError(f"the scenario cannot be read: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the scenario {str(path)!r} is no list of {{tool, arguments, weight}}: {error}"
        ) from error
    check_scenario(calls)
    return calls


def check_scenario(calls: Sequence[Call]) -> None:
    """Refuse a scenario that cannot be drawn from.

    Raises:
        ConfigurationError: it is empty, or a weight is not a positive number.
    """
    if not calls:
        raise ConfigurationError("a scenario needs at least one call")
    for call in calls:
        if not (math.isfinite(call.weight) and call.weight > 0):
            raise ConfigurationError(
                f"the weight of {call.tool!r} is {call.weight}: must be over 0"
            )


def draw_kinds(calls: Sequence[Call], count: int, seed: int = 0) -> NDArray[np.uint16]:
    """Which call comes when: ``count`` draws by weight, the same for the same seed."""
    if len(calls) == 1:
        return np.zeros(count, np.uint16)
    weights = np.array([call.weight for call in calls])
    drawn = np.random.default_rng(seed).choice(len(calls), size=count, p=weights / weights.sum())
    return drawn.astype(np.uint16)


def cheapest_tool(listed: Iterable[Mapping[str, Any]]) -> str:
    """The tool to call where none was named, of a ``tools/list`` result's ``tools``."""
    return next(iter(cheap_tools(listed)), FALLBACK_TOOL)


def cheap_tools(listed: Iterable[Mapping[str, Any]]) -> list[str]:
    """The tools that can be called knowing nothing but their names, and are equally cheap.

    They have no required argument, only read and do not take long. Those that say so by annotation
    are preferred to those whose name says so, then those with the cheapest verb; dearer ones are
    left out, since they may well need something to be there (``get_report``).
    """
    ranked = [
        (dearness, name)
        for tool in listed
        if isinstance(name := tool.get("name"), str) and len(name) <= _LONGEST_NAME
        if not _required(tool)
        if (dearness := _dearness(tool)) is not None
    ]
    least = min((dearness for dearness, _ in ranked), default=None)
    return [name for dearness, name in ranked if dearness == least]


def _required(tool: Mapping[str, Any]) -> bool:
    schema = tool.get("inputSchema")
    return bool(schema.get("required")) if isinstance(schema, Mapping) else False


def _dearness(tool: Mapping[str, Any]) -> tuple[bool, int] | None:
    """(not annotated, place of the verb), or None where nothing says that it only reads, or
    something that it takes long."""
    more = tool.get("_meta")
    if isinstance(more, Mapping) and more.get("dynogate/longRunning") is True:
        return None
    notes = tool.get("annotations")
    hint = notes.get("readOnlyHint") if isinstance(notes, Mapping) else None
    name = str(tool["name"]).lower()
    verb = next((i for i, word in enumerate(_READING) if word in name), len(_READING))
    if hint is True:
        return (False, verb)
    return (True, verb) if hint is None and verb < len(_READING) else None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call's JSON, split around its id, and the HTTP headers it goes with."""

    name: str
    before: bytes
    after: bytes
    headers: Mapping[str, str]

    def body(self, request_id: int) -> bytes:
        """The request with ``request_id``, which has ten digits."""
        return b"%b%d%b" % (self.before, request_id, self.after)


def prepare(call: Call, transport: Transport, era: str, session: str | None = None) -> Prepared:
    """A tool call as a transport has it: by its name for rpc and ws, ``tools/call`` for mcp.

    Args:
        call: the tool and its arguments.
        transport: which way in.
        era: the MCP version agreed on; only for mcp.
        session: the MCP session, in the 2025 eras.
    """
    if transport == "mcp":
        params = {"name": call.tool, "arguments": call.arguments}
        return prepare_method("tools/call", params, transport, era, session)
    return prepare_method(call.tool, call.arguments, transport, era, session)


def prepare_method(
    method: str,
    params: Mapping[str, Any],
    transport: Transport,
    era: str,
    session: str | None = None,
) -> Prepared:
    """Any JSON-RPC request as a transport has it."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    params = dict(params)
    if transport == "mcp":
        headers["Accept"] = "application/json, text/event-stream"
        headers |= _mcp_headers(method, params, era, session)
        if era >= MODERN:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": era,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": CLIENT,
            }
    after = b',"method":%b,"params":%b}' % (
        msgspec.json.encode(method),
        msgspec.json.encode(params),
    )
    name = str(params.get("name", method)) if method == "tools/call" else method
    return Prepared(name, b'{"jsonrpc":"2.0","id":', after, headers)


def _mcp_headers(
    method: str, params: Mapping[str, Any], era: str, session: str | None
) -> dict[str, str]:
    """Headers of MCP Streamable HTTP (basic/transports/streamable-http of each version)."""
    headers = {} if method == "initialize" else {"MCP-Protocol-Version": era}
    if era >= MODERN:
        headers["Mcp-Method"] = method
        if method == "tools/call":
            headers["Mcp-Name"] = _header_value(str(params["name"]))
    if session is not None:
        headers["Mcp-Session-Id"] = session
    return headers


def _header_value(text: str) -> str:
    """A header value; what is not plain ASCII goes as ``=?base64?...?=`` (2026-07-28)."""
    if text.isascii() and text.isprintable() and text == text.strip():
        return text
    import base64

    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="

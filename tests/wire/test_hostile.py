"""Whatever bytes come, the parsers give data or one of our errors."""

import contextlib
import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dynogate.errors import DynogateError, HeaderMismatch, InvalidParams, InvalidRequest, ParseError
from dynogate.wire import jsonrpc, mcp, sse
from dynogate.wire.fields import Fields
from dynogate.wire.headers import accepts, check_alone, claims_to_stand_alone, decoded, read_headers
from tests.hostile import bodies, headers, values


@given(bodies)
def test_json_rpc_reads_anything(body: bytes) -> None:
    """A request says what was asked; its id can be sent back as it came."""
    try:
        parsed = jsonrpc.parse(body, max_batch=3)
    except (ParseError, InvalidRequest):
        return
    for one in parsed if isinstance(parsed, list) else [parsed]:
        answer = jsonrpc.failure(one.id or jsonrpc.NULL_ID, InvalidRequest("no"))
        assert json.loads(answer)["error"]["code"] == -32600
        if isinstance(one, jsonrpc.Request):
            _read_params(one)


def _read_params(request: jsonrpc.Request) -> None:
    for read in (jsonrpc.named_arguments, jsonrpc.call_params):
        with contextlib.suppress(InvalidParams):
            read(request.params)


@given(bodies, headers)
def test_mcp_reads_anything(body: bytes, fields: list[tuple[bytes, bytes]]) -> None:
    """Messages, their heads, and headers that may contradict them."""
    with contextlib.suppress(DynogateError):
        message = mcp.read_message(body)
        if isinstance(message, mcp.Message):
            message.check_head()
            message.head.meta.trace_parent()
            found = read_headers(Fields(fields))
            accepts(found, "application/json")
            if claims_to_stand_alone(found, message):
                check_alone(found, message)
            message.head.arguments_object()


@given(st.text(max_size=40))
def test_header_values_decode_or_are_refused(value: str) -> None:
    """Base64 or not."""
    with contextlib.suppress(HeaderMismatch):
        decoded(value)


@given(values)
def test_an_event_is_one_event(value: object) -> None:
    """Nothing within the data ends it early: what we encode has no line breaks."""
    try:
        data = msgspec.json.encode(value)
    except (msgspec.EncodeError, UnicodeEncodeError, OverflowError):
        return
    event = sse.event(data, "7.1")
    assert event.count(b"\n\n") == 1
    assert event.splitlines()[-2] == b"data: " + data

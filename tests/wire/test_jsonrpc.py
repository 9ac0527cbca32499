import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynogate.errors import InvalidParams, InvalidRequest, ParseError
from dynogate.wire import jsonrpc
from dynogate.wire.jsonrpc import BadRequest, Request, parse


def single(body: bytes) -> Request | BadRequest:
    message = parse(body, max_batch=10)
    assert not isinstance(message, list)
    return message


def request(body: bytes) -> Request:
    message = single(body)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("raw", ["1", "-7", "1.5", "12345678901234567890123", '"a\\u00e9"', "null"])
def test_an_id_is_echoed_to_the_letter(raw: str) -> None:
    """Whatever number, string or null a client sends as id comes back unchanged."""
    message = request(f'{{"jsonrpc": "2.0", "method": "m", "id": {raw}}}'.encode())
    assert message.id is not None
    assert jsonrpc.success(message.id, b"{}") == (
        f'{{"result":{{}},"id":{raw},"jsonrpc":"2.0"}}'.encode()
    )


def test_a_request_without_id_is_a_notification() -> None:
    """Only the absence of the member makes a notification; null does not."""
    assert request(b'{"jsonrpc":"2.0","method":"m"}').id is None


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"jsonrpc":"2.0","method":"m","id":NaN}', "not JSON"),
        (b'{"jsonrpc":"2.0","method":"m"} x', "not JSON"),
        (b'{"jsonrpc":"2.0","method":"\\ud800","id":1}', "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a":' + b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_a_parse_error(body: bytes, part: str) -> None:
    """Every way of not being JSON is told apart and never escapes as another error."""
    with pytest.raises(ParseError, match=part):
        parse(body, max_batch=10)


@pytest.mark.parametrize(
    ("body", "answered_id", "part"),
    [
        (b"1", b"null", "must be a JSON object"),
        (b'{"method":"m","id":1}', b"1", "jsonrpc"),
        (b'{"jsonrpc":"1.0","method":"m","id":1}', b"1", "jsonrpc"),
        (b'{"jsonrpc":"2.0","id":1}', b"1", "method"),
        (b'{"jsonrpc":"2.0","method":1,"id":1}', b"1", "method"),
        (b'{"jsonrpc":"2.0","method":"m","params":1,"id":"x"}', b'"x"', "params"),
        (b'{"jsonrpc":"2.0","method":"m","id":{}}', b"null", "id"),
        (b'{"jsonrpc":"2.0","method":"m","id":true}', b"null", "id"),
    ],
)
def test_an_invalid_request_names_its_fault(body: bytes, answered_id: bytes, part: str) -> None:
    """The error says which member is wrong and is answered to the id where there is one."""
    message = single(body)
    assert isinstance(message, BadRequest)
    assert part in message.error.message
    assert bytes(message.id) == answered_id


def test_a_bad_member_of_a_batch_leaves_the_others_alone() -> None:
    """Members are judged one by one."""
    messages = parse(b'[1, {"jsonrpc":"2.0","method":"m","id":2}]', max_batch=10)
    assert isinstance(messages, list)
    assert [type(message) for message in messages] == [BadRequest, Request]


@pytest.mark.parametrize(
    ("body", "part"), [(b"[]", "empty"), (b"[1,1,1]", "3 requests; at most 2")]
)
def test_a_batch_has_bounds(body: bytes, part: str) -> None:
    """An empty or too long batch is refused as a whole."""
    with pytest.raises(InvalidRequest, match=part):
        parse(body, max_batch=2)


def test_what_stands_beside_direct_arguments_is_taken_out() -> None:
    """``_client_id`` and ``_meta`` are none of them."""
    arguments, client_id, meta = jsonrpc.named_arguments(b'{"a":1,"_client_id":"me","_meta":[]}')
    assert json.loads(arguments) == {"a": 1}
    assert (client_id, bytes(meta or b"")) == ("me", b"[]")


@pytest.mark.parametrize("params", [None, b'{"a":"\\"_client_id\\""}'])
def test_arguments_without_client_id_pass_unchanged(params: bytes | None) -> None:
    """A value that merely looks like the key is left alone."""
    assert jsonrpc.named_arguments(params) == (params or b"{}", None, None)


@pytest.mark.parametrize(
    "params", [b"[1]", b'{"_client_id":1}', b'{"_client_id":"' + b"x" * 300 + b'"}']
)
def test_direct_params_must_be_named_and_the_client_id_short(params: bytes) -> None:
    """Positional params and odd client ids are refused, not guessed at."""
    with pytest.raises(InvalidParams):
        jsonrpc.named_arguments(params)


def test_tools_call_params() -> None:
    """Arguments may be left out."""
    assert jsonrpc.call_params(b'{"name":"t"}') == ("t", b"{}")
    assert jsonrpc.call_params(b'{"name":"t","arguments":{"a":1}}') == ("t", b'{"a":1}')


@pytest.mark.parametrize(
    "params", [None, b"{}", b"[]", b'{"name":1}', b'{"name":"t","arguments":[]}']
)
def test_tools_call_params_must_have_their_shape(params: bytes | None) -> None:
    """A missing name or wrong arguments is an error that shows the right shape."""
    with pytest.raises(InvalidParams):
        jsonrpc.call_params(params)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_by_an_error_of_ours(body: bytes) -> None:
    """The parser raises nothing but its two errors, whatever comes."""
    try:
        parse(body, max_batch=10)
    except (ParseError, InvalidRequest):
        return


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_answered_by_an_error_of_ours(value: object) -> None:
    """The same for whatever is nearly JSON-RPC."""
    for body in (value, {"jsonrpc": "2.0", "method": "m", "params": value, "id": value}):
        try:
            parse(json.dumps(body).encode(), max_batch=10)
        except (ParseError, InvalidRequest):
            continue

import msgspec
import pytest

from dynogate.errors import InvalidRequest, ParseError
from dynogate.wire.mcp import BadMessage, Message, Reply, read_message


def test_a_request_is_read_in_one_pass() -> None:
    """Its params stay as they are, its id too."""
    message = read_message(b'{"jsonrpc":"2.0","id":"x","method":"a","params":{"b":[1, 2]}}')
    assert isinstance(message, Message)
    assert (message.id, message.method, message.params) == (
        msgspec.Raw(b'"x"'),
        "a",
        b'{"b":[1, 2]}',
    )


def test_a_notification_has_no_id_and_may_have_no_params() -> None:
    """Then they are an empty object."""
    message = read_message(b'{"jsonrpc":"2.0","method":"a"}')
    assert isinstance(message, Message)
    assert (message.id, message.method, message.params) == (None, "a", b"{}")


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}', Reply(1, b'{"a":1}', None)),
        (b'{"jsonrpc":"2.0","id":"x","error":{"code":1}}', Reply("x", None, b'{"code":1}')),
    ],
)
def test_an_answer_is_told_from_a_request(body: bytes, reply: Reply) -> None:
    """By what it has: a result or an error, and no method."""
    assert read_message(body) == reply


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"jsonrpc":"1.0","id":1,"method":"a"}', "jsonrpc"),
        (b'{"id":1,"method":"a"}', "jsonrpc"),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', "method"),
        (b'{"jsonrpc":"2.0","id":1,"method":null}', "method"),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}', "params"),
        (b'{"jsonrpc":"2.0","id":1}', "result"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', "result"),
        (b'{"jsonrpc":"2.0","id":1,"result":[]}', "result"),
    ],
)
def test_what_is_wrong_is_told_to_the_id(body: bytes, problem: str) -> None:
    """A client can tell which of its messages was bad."""
    with pytest.raises(BadMessage, match=problem) as caught:
        read_message(body)
    assert caught.value.request_id == msgspec.Raw(b"1")


@pytest.mark.parametrize(
    "body",
    [b"[]", b"7", b'{"jsonrpc":"2.0","id":null,"method":"a"}', b'{"jsonrpc":"2.0","result":{}}'],
)
def test_what_has_no_id_is_told_to_nobody(body: bytes) -> None:
    """No message, a batch, an id that is none, an answer to nothing."""
    with pytest.raises(InvalidRequest) as caught:
        read_message(body)
    assert not isinstance(caught.value, BadMessage)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"jsonrpc":"2.0","id":1,"method":"a"',
        b'{"jsonrpc":"2.0","id":1,"method":"\xff"}',
        b'{"jsonrpc":"2.0","id":1,"method":5,"params":{]}',
        b'{"jsonrpc":"2.0","id":1,"method":"a","params":' + b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":1,"method":5,"params":' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_a_parse_error(body: bytes) -> None:
    """Wherever it stops being JSON, after another fault or before."""
    with pytest.raises(ParseError):
        read_message(body)

"""What counts as a success, and what kind of failure the rest is."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dynogate.load.replies import GOOD, judge, judge_message, last_message, retry_after
from dynogate.load.samples import Outcome

GOOD_BODY = b'{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":false}}'


def test_a_result_with_the_right_id_is_a_success() -> None:
    """Nothing else is needed."""
    assert judge(200, GOOD_BODY, 7) is GOOD


@pytest.mark.parametrize(
    ("status", "body", "outcome", "why"),
    [
        (200, b"<html>", Outcome.BAD_REPLY, "not JSON"),
        (200, b"", Outcome.BAD_REPLY, "empty body"),
        (200, GOOD_BODY[:-3], Outcome.BAD_REPLY, "not JSON"),
        (200, b"\xff\xfe", Outcome.BAD_REPLY, "not JSON"),
        (200, b"[]", Outcome.BAD_REPLY, "not a JSON-RPC response"),
        (200, b'{"id":7,"result":{}}', Outcome.BAD_REPLY, "jsonrpc"),
        (200, GOOD_BODY.replace(b"7", b"8"), Outcome.BAD_REPLY, "id is not that"),
        (200, b'{"jsonrpc":"2.0","id":7}', Outcome.BAD_REPLY, "neither result nor error"),
        (200, b'{"jsonrpc":"2.0","id":7,"result":null}', Outcome.BAD_REPLY, "neither"),
        (500, GOOD_BODY, Outcome.BAD_REPLY, "HTTP 500 with a result"),
        (502, b"Bad Gateway", Outcome.BAD_REPLY, "HTTP 502: not JSON"),
        (200, GOOD_BODY.replace(b"false", b"true"), Outcome.TOOL_ERROR, "isError"),
        (
            200,
            b'{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"oops"}}',
            Outcome.RPC_ERROR,
            "error -32603: oops",
        ),
        (
            200,
            b'{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required"}}',
            Outcome.BAD_REPLY,
            "not complete",
        ),
        (429, b"", Outcome.RATE_LIMITED, "HTTP 429"),
        (503, GOOD_BODY, Outcome.SHED, "HTTP 503"),
    ],
)
def test_everything_else_is_a_failure_of_its_kind(
    status: int, body: bytes, outcome: Outcome, why: str
) -> None:
    """And says in words what was wrong."""
    verdict = judge(status, body, 7)
    assert verdict.outcome is outcome
    assert why in verdict.why


def test_a_body_says_when_to_come_back() -> None:
    """JSON-RPC error bodies carry it where there are no headers."""
    error = b'{"jsonrpc":"2.0","id":7,"error":{"code":1429,"message":"","data":{"retry_after":3}}}'
    assert judge(429, error, 7).retry_after == 3.0
    verdict = judge_message(error, 7)
    assert verdict.outcome is Outcome.RATE_LIMITED
    assert verdict.retry_after == 3.0
    assert judge(429, GOOD_BODY, 7).retry_after == 0.0


def test_the_header_is_seconds_or_a_date() -> None:
    """RFC 9110, 10.2.3; nonsense asks for nothing."""
    assert retry_after("2") == 2.0
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert 25 < retry_after(format_datetime(soon, usegmt=True)) <= 30
    assert [retry_after(text) for text in (None, "", "later", "-5")] == [0, 0, 0, 0]


def test_the_answer_is_found_among_events() -> None:
    """Progress comes first; the data of one event may be on several lines."""
    note = b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n'
    split = GOOD_BODY.replace(b',"result"', b',\ndata:"result"')
    stream = b": hello\r\n\r\n" + note + b"event: message\ndata: " + split + b"\n\n" + note
    assert judge(200, stream, 7, events=True) is GOOD
    assert last_message(note, 7) == b""
    assert judge(200, b"data: <html>\n\n", 7, events=True).outcome is Outcome.BAD_REPLY

"""Whether a reply is a success: JSON-RPC validity decides, not the HTTP status alone. No I/O.

A server that answers 200 with an error, or with another call's answer, has failed; one that
answers 429 or 503 has pushed back, which is counted apart.
"""

from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Literal, NamedTuple

import msgspec

from dynogate.load.samples import Outcome

_EXCERPT = 120
_PUSHED_BACK_STATUS = {429: Outcome.RATE_LIMITED, 503: Outcome.SHED}
# Over WebSocket there is no status: Dynogate's application codes are 1000 + the HTTP status.
_PUSHED_BACK_CODE = {1429: Outcome.RATE_LIMITED, 1503: Outcome.SHED}


class Verdict(NamedTuple):
    """What a reply was.

    Attributes:
        outcome: how the call ended.
        why: what was wrong, in words, or nothing.
        retry_after: seconds that the server asked to be left alone, or 0.
    """

    outcome: Outcome
    why: str = ""
    retry_after: float = 0.0


GOOD = Verdict(Outcome.OK)


class _Result(msgspec.Struct):
    isError: bool = False  # noqa: N815  # MCP's name
    resultType: str = "complete"  # noqa: N815


class _Error(msgspec.Struct):
    code: int
    message: str = ""
    data: Any = None


class _Response(msgspec.Struct):
    jsonrpc: Literal["2.0"]
    id: int | str | None
    result: _Result | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Response).decode


def judge(status: int, body: bytes, request_id: int, *, events: bool = False) -> Verdict:
    """Judge the HTTP reply to the request with ``request_id``.

    Args:
        status: the HTTP status.
        body: the whole body, as it came.
        request_id: the id that the reply has to have.
        events: the body is a stream of server-sent events; the reply is one of them.
    """
    if status in _PUSHED_BACK_STATUS:
        return Verdict(_PUSHED_BACK_STATUS[status], f"HTTP {status}", _retry_after_of(body))
    message = last_message(body, request_id) if events else body
    verdict = judge_message(message, request_id)
    if verdict.outcome is Outcome.OK and not 200 <= status < 300:
        return Verdict(Outcome.BAD_REPLY, f"HTTP {status} with a result")
    if verdict.outcome is Outcome.BAD_REPLY and status != 200:
        return Verdict(Outcome.BAD_REPLY, f"HTTP {status}: {verdict.why}")
    return verdict


def judge_message(message: bytes, request_id: int) -> Verdict:
    """Judge one JSON-RPC message, however it came."""
    try:
        reply = _decode(message)
    except msgspec.ValidationError as error:
        return Verdict(Outcome.BAD_REPLY, f"not a JSON-RPC response ({error}): {_excerpt(message)}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Verdict(Outcome.BAD_REPLY, f"not JSON ({error}): {_excerpt(message)}")
    if reply.error is not None:
        return _failure(reply.error)
    if reply.id != request_id:
        return Verdict(Outcome.BAD_REPLY, f"the id is not that of the request: {reply.id!r:.40}")
    result = reply.result
    if result is None:
        return Verdict(Outcome.BAD_REPLY, f"neither result nor error: {_excerpt(message)}")
    if result.isError:
        return Verdict(Outcome.TOOL_ERROR, f"isError: {_excerpt(message)}")
    if result.resultType != "complete":
        return Verdict(Outcome.BAD_REPLY, f"the result is not complete: {result.resultType!r:.40}")
    return GOOD


def _failure(error: _Error) -> Verdict:
    outcome = _PUSHED_BACK_CODE.get(error.code, Outcome.RPC_ERROR)
    wait = error.data.get("retry_after") if isinstance(error.data, dict) else None
    seconds = float(wait) if isinstance(wait, (int, float)) else 0.0
    return Verdict(outcome, f"error {error.code}: {error.message[:_EXCERPT]}", max(seconds, 0.0))


def _retry_after_of(body: bytes) -> float:
    """What a JSON-RPC error body says in ``data.retry_after``; the header may say it, too."""
    try:
        error = _decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0.0
    return _failure(error).retry_after if error is not None else 0.0


def retry_after(header: str | None) -> float:
    """Seconds of a Retry-After header: a number or an HTTP date; 0 where it is neither."""
    if not header:
        return 0.0
    try:
        return max(float(header), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(header).timestamp() - time(), 0.0)
    except ValueError:
        return 0.0


def last_message(stream: bytes, request_id: int) -> bytes:
    """The event that answers ``request_id``: the last one that is neither request nor progress.

    Events are separated by empty lines, and ``data`` lines of one event are joined (WHATWG HTML,
    9.2.6). Other events (progress, log messages) have a ``method``.
    """
    answer = b""
    for event in stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line[:5] == b"data:"]
        data = b"\n".join(lines)
        if not data or _is_notification(data):
            continue
        answer = data
        if b"%d" % request_id in data:
            break
    return answer


class _Method(msgspec.Struct):
    method: str | None = None


def _is_notification(message: bytes) -> bool:
    try:
        return msgspec.json.decode(message, type=_Method).method is not None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _excerpt(message: bytes) -> str:
    text = message[:_EXCERPT].decode(errors="replace")
    return text + ("..." if len(message) > _EXCERPT else "") if text else "an empty body"

"""Calls of the gateway from the experiment itself: what error they get, how soon, how many pass."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx2

from chaos.probes.gateway import metrics
from chaos.rig.rig import current
from dynogate.errors import RigFailed
from dynogate.tls import NO_TLS

_PATIENCE_SEC = 15.0  # above every bar: what takes longer has no bound at all
_OK = 0
_IN_A_ROW = 3


class Reply(NamedTuple):
    """How a call ended.

    Attributes:
        code: of the JSON-RPC error; 0 where there is a result, -1 where there is neither.
        seconds: from the send to the answer.
        message: of the error.
    """

    code: int
    seconds: float
    message: str


def refused(
    gateway_url: str,
    tool: str,
    codes: list[int],
    count: int = 1,
    kid: str | None = None,
    every: float = 0.0,
) -> dict[str, Any]:
    """Make calls, each of which has to get a certain JSON-RPC error.

    Args:
        gateway_url: without a path.
        tool: its name.
        codes: of the errors it may be.
        count: how many calls.
        kid: the issuer's key that the access tokens are signed with, one for each call; None for
            calls without.
        every: seconds between two.

    Returns:
        ``calls``, ``slowest`` in seconds, ``message`` of the first, and how many had each code.

    Raises:
        RigFailed: one got something else.
    """
    replies = make_calls(gateway_url, tool, count, _tokens(kid, count), every)
    other = [reply for reply in replies if reply.code not in codes]
    if other:
        raise RigFailed(
            f"{len(other)} of {count} calls of {tool} did not get the error {codes}: "
            f"{_codes(other)}; {other[0].message[:300]}"
        )
    return {
        "calls": count,
        "slowest": slowest(replies),
        "message": replies[0].message,
        **{str(code): count for code, count in _codes(replies).items()},
    }


def served(
    gateway_url: str, tool: str, count: int = 1, kid: str | None = None, every: float = 0.1
) -> dict[str, Any]:
    """Make calls one after another, each of which has to succeed.

    Args:
        gateway_url: without a path.
        tool: its name.
        count: how many calls.
        kid: as for `refused`; a caller for each call.
        every: seconds between two.

    Returns:
        ``calls``, and ``slowest`` in seconds.

    Raises:
        RigFailed: one failed.
    """
    replies = make_calls(gateway_url, tool, count, _tokens(kid, count), every)
    bad = [reply for reply in replies if reply.code != _OK]
    if bad:
        raise RigFailed(
            f"{len(bad)} of {count} calls of {tool} failed: {_codes(bad)}; {bad[0].message[:300]}"
        )
    return {"calls": count, "slowest": slowest(replies)}


def back(gateway_url: str, tool: str, within: float, kid: str | None = None) -> dict[str, Any]:
    """Call until it succeeds three times in a row.

    Returns:
        ``seconds`` until the first of these.

    Raises:
        RigFailed: there were no such three within this time.
    """
    start = time.monotonic()
    first, good = 0.0, 0
    while good < _IN_A_ROW:
        now = time.monotonic() - start
        reply = make_calls(gateway_url, tool, 1, _tokens(kid, 1))[0]
        if reply.code != _OK and now > within:
            raise RigFailed(f"{tool} was not back within {within:g} s: {reply.message[:300]}")
        first = first if good else now
        good = good + 1 if reply.code == _OK else 0
        time.sleep(0.05)
    return {"seconds": first}


def offered(gateway_url: str, tool: str, seconds: float, rate: float, code: int) -> dict[str, Any]:
    """Offer calls at a rate, and count how many are let in.

    Args:
        gateway_url: without a path.
        tool: its name.
        seconds: for how long.
        rate: calls a second.
        code: of the error that the others may get.

    Returns:
        ``admitted``, ``refused``, and ``slowest`` in seconds.

    Raises:
        RigFailed: one got something else.
    """
    count = round(seconds * rate)
    replies = make_calls(gateway_url, tool, count, every=1 / rate)
    other = [reply for reply in replies if reply.code not in (_OK, code)]
    if other:
        raise RigFailed(f"calls got neither a result nor {code}: {_codes(other)}")
    admitted = sum(reply.code == _OK for reply in replies)
    return {"admitted": admitted, "refused": count - admitted, "slowest": slowest(replies)}


def gauge_back(metric: str, within: float) -> dict[str, float]:
    """Wait until a metric of the gateway is 1.

    Returns:
        ``seconds`` that it took.

    Raises:
        RigFailed: it was not 1 within this time.
    """
    start = time.monotonic()
    while metrics()[metric] != 1:
        if time.monotonic() - start > within:
            raise RigFailed(f"{metric} is {metrics()[metric]:g} after {within:g} s")
        time.sleep(0.05)
    return {"seconds": time.monotonic() - start}


def under_way(seconds: float) -> dict[str, float]:
    """How many calls the gateway works on, looked at four times a second.

    Returns:
        ``most`` of them at once.
    """
    most, deadline = 0.0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        most = max(most, float(metrics()["dynogate_calls_under_way"]))
        time.sleep(0.25)
    return {"most": most}


def make_calls(
    gateway_url: str,
    tool: str,
    count: int,
    tokens: Sequence[str] = (),
    every: float = 0.0,
) -> list[Reply]:
    """Make calls, at once or ``every`` so many seconds, whatever becomes of those before."""
    return asyncio.run(_make_calls(gateway_url, tool, count, tokens, every))


async def _make_calls(
    gateway_url: str, tool: str, count: int, tokens: Sequence[str], every: float
) -> list[Reply]:
    body = {"jsonrpc": "2.0", "id": 1, "method": tool, "params": {}}
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(timeout=_PATIENCE_SEC, limits=limits, verify=NO_TLS) as client:
        with contextlib.suppress(httpx2.TransportError):
            await client.get(f"{gateway_url}/health")  # what a first request imports is not timed

        async def call(number: int) -> Reply:
            await asyncio.sleep(number * every)
            headers = {"authorization": f"Bearer {tokens[number]}"} if tokens else {}
            start = time.perf_counter()
            try:
                answer = await client.post(
                    f"{gateway_url}/mcp/tools/call", json=body, headers=headers
                )
                error = answer.json().get("error", {"code": _OK, "message": ""})
            except (httpx2.TransportError, ValueError) as problem:
                error = {"code": -1, "message": repr(problem)}
            return Reply(error["code"], time.perf_counter() - start, error["message"])

        return await asyncio.gather(*map(call, range(count)))


def slowest(replies: Sequence[Reply]) -> float:
    """Seconds that the slowest took."""
    return max(reply.seconds for reply in replies)


def _tokens(kid: str | None, count: int) -> list[str]:
    if kid is None:
        return []
    issuer = current().issuer
    if issuer is None:
        raise RigFailed("there is no issuer here: the experiment has to need one")
    return [issuer.token(kid, sub=f"caller-{number}") for number in range(count)]


def _codes(replies: Sequence[Reply]) -> dict[int, int]:
    return dict(Counter(reply.code for reply in replies))

"""What goes by time in the gateway while its wall clock is wrong."""

import threading
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from chaos.actions.clock import clock
from chaos.proof import Proof, proof
from chaos.rig.calls import call
from chaos.rig.rig import current
from chaos.work import BREAKER_SEC
from dynogate.errors import RigFailed
from dynogate.tls import NO_TLS

_RIGHT_WITHIN = 5.0
_SOON = 0.5


def is_off(seconds: int, within: float = 2.0) -> Proof:
    """Prove that the gateway takes another time for the right one.

    Args:
        seconds: how far ahead of it; behind where negative.
        within: seconds to wait for that; a Date header is made once a second.
    """
    deadline = time.monotonic() + within
    while True:
        ahead, header_ahead = _ahead()
        is_so = all(abs(each - seconds) < _RIGHT_WITHIN for each in (ahead, header_ahead))
        if is_so or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    return proof(
        is_so,
        f"the gateway is {ahead:.1f} s ahead of the right time, by its Date header "
        f"{header_ahead:.0f} s",
        ahead=ahead,
    )


def _ahead() -> tuple[float, float]:
    """How many seconds ahead the gateway is by what it tells, and by its Date header."""
    answer = httpx2.get(f"{current().gateway.url}/health", timeout=5, verify=NO_TLS)
    now = datetime.now(UTC)
    told = datetime.fromisoformat(answer.json()["timestamp"])
    header = parsedate_to_datetime(answer.headers["date"])
    return (told - now).total_seconds(), (header - now).total_seconds()


def deadline(jump: int, asked_sec: float = 1.0) -> dict[str, float]:
    """Whether a call's deadline holds while the clock jumps in the middle of it.

    Args:
        jump: how far ahead the clock is then, in seconds.
        asked_sec: the deadline that the call asks for.

    Returns:
        ``kept``: whether it ended by its deadline; ``seconds`` that it took.
    """
    timer = threading.Timer(asked_sec / 2, clock().set, [jump])
    timer.start()
    told = call("nap", {"seconds": asked_sec * 4}, headers={"x-request-timeout": str(asked_sec)})
    timer.join()
    in_time = asked_sec * 0.9 <= told.seconds <= asked_sec + _SOON
    return {"kept": float(told.status == 504 and in_time), "seconds": told.seconds}


def breaker(jump: int) -> dict[str, float]:
    """Whether a circuit breaker keeps its time while the clock jumps.

    Args:
        jump: how far ahead the clock is once the breaker is open, in seconds.

    Returns:
        ``refused``: whether a call right after the jump was still refused; ``recovered``: whether
        one was let through when its time was over.
    """
    for _ in range(3):
        call("guarded", {"fail": True})
    clock().set(jump)
    early = call("guarded")
    time.sleep(BREAKER_SEC + 0.2)
    late = call("guarded")
    refused = early.status == 503 and early.retry_after is not None
    return {"refused": float(refused), "recovered": float(late.ok)}


def limiter(calls: int) -> dict[str, float]:
    """Whether the limit of costly calls holds.

    Args:
        calls: made at once, which must be more than it allows in a second.

    Returns:
        ``admitted`` and ``refused`` calls, the longest ``retry_after`` in seconds, and ``free``:
        whether another call is admitted after that time.
    """
    told = [call("rest") for _ in range(calls)]
    refused = [each for each in told if each.status == 429]
    longest = max((each.retry_after or 1e9 for each in refused), default=0.0)
    time.sleep(min(longest, 3.0) + 0.1)
    return {
        "admitted": sum(each.ok for each in told),
        "refused": len(refused),
        "retry_after": longest,
        "free": float(call("rest").ok),
    }


def tokens() -> dict[str, float]:
    """The HTTP status for a token that is good for hours, and for one that ends in half an hour."""
    issuer = current().issuer
    if issuer is None:
        raise RigFailed("the experiment needs the issuer")
    ends = time.time() + 1800
    brief = {"authorization": f"Bearer {issuer.token(exp=int(ends))}"}
    return {"long": call("echo").status, "brief": call("echo", headers=brief).status}

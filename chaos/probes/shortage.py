"""What calls are told while the gateway is short of something, and what its health says."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from chaos.rig.calls import Told, call
from chaos.rig.plain import own_connections
from chaos.rig.rig import current
from dynogate.errors import RigFailed

KEPT = "kept connection"
_LOOK_SEC = 0.1


def told(tool: str, arguments: dict[str, Any] | None = None, calls: int = 1) -> dict[str, object]:
    """How calls made at the same time end: ``ok``, ``typed`` errors, ``other`` ones.

    Where the connection ``keep_connection`` opened is there, they use that, one after the other.

    Args:
        tool: its name.
        arguments: its arguments.
        calls: how many.
    """
    client: httpx2.Client | None = current().notes.get(KEPT)
    if client is not None:
        return _sorted([call(tool, arguments, client=client) for _ in range(calls)])
    with ThreadPoolExecutor(calls) as threads:
        return _sorted(list(threads.map(lambda _: call(tool, arguments), range(calls))))


def _sorted(ends: Sequence[Told]) -> dict[str, object]:
    other = [each for each in ends if not each.ok and not each.is_typed_error]
    return {
        "ok": sum(each.ok for each in ends),
        "typed": sum(each.is_typed_error for each in ends),
        "other": len(other),
        "messages": sorted({each.message for each in ends if each.message}),
    }


def unready(check: str, says: str, within: float = 3.0) -> dict[str, object]:
    """Whether ``/health/ready`` says what is the matter: ``said`` is 1, or 0.

    Args:
        check: which of its checks has to say it.
        says: a part of the text.
        within: seconds to wait for that.
    """
    deadline = time.monotonic() + within
    while True:
        answer = _ready()
        text = str(answer.json()["checks"].get(check))
        if answer.status_code == 503 and says in text:
            return {"said": 1, "text": text}
        if time.monotonic() > deadline:
            return {"said": 0, "text": text}
        time.sleep(_LOOK_SEC)


def ready_again(within: float) -> dict[str, float]:
    """Seconds until ``/health/ready`` says that calls would be served.

    Args:
        within: seconds to wait for that.

    Raises:
        RigFailed: it did not in time.
    """
    start = time.monotonic()
    while (took := time.monotonic() - start) < within:
        if current().gateway.ready():
            return {"seconds": took}
        time.sleep(_LOOK_SEC)
    raise RigFailed(f"the gateway was not ready again {within:g} s after the fault")


def _ready() -> httpx2.Response:
    client: httpx2.Client | None = current().notes.get(KEPT)
    return (client or own_connections()).get(f"{current().gateway.url}/health/ready", timeout=5)

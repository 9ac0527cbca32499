"""What the gateway says of itself, asked around every link."""

import re
import time
from collections import Counter

import httpx2

from chaos.rig.rig import current
from dynogate.errors import RigFailed
from dynogate.tls import NO_TLS

_SAMPLE = re.compile(r"^(\w+)(?:\{.*\})? (\S+)$", re.MULTILINE)
_HELD = {
    "dynogate_worker_open_files": "open_files",
    "dynogate_event_loop_tasks": "tasks",
    "dynogate_connections": "connections",
    "dynogate_calls_under_way": "calls",
}
"""What a gateway holds for its clients, and has to give back."""


def ready() -> bool:
    """Whether the gateway is ready and answers a call of ``echo``."""
    rig = current()
    body = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {}}
    headers = {}
    if rig.issuer is not None:
        headers["authorization"] = f"Bearer {rig.issuer.token()}"
    answer = httpx2.post(
        f"{rig.gateway.url}/mcp/tools/call", json=body, headers=headers, timeout=5, verify=NO_TLS
    )
    return rig.gateway.ready() and "result" in answer.json()


def metrics() -> Counter[str]:
    """The gateway's metrics by name, summed over labels."""
    text = (
        httpx2.get(f"{current().gateway.url}/metrics", timeout=5, verify=NO_TLS)
        .raise_for_status()
        .text
    )
    found: Counter[str] = Counter()
    for name, value in _SAMPLE.findall(text):
        found[name] += float(value)  # type: ignore[assignment]  # the values are not whole
    return found


def held() -> dict[str, float]:
    """What the gateway holds now; remembered as the base of ``held_more``."""
    now = _held()
    current().notes["held"] = now
    return now


def held_more(at_most: float, within: float) -> dict[str, float]:
    """How much more of each the gateway holds than when ``held`` was asked.

    Args:
        at_most: of each; the probe waits for that.
        within: seconds that it waits.

    Returns:
        The growth of each, and ``seconds`` that it took to come down.

    Raises:
        RigFailed: ``held`` was never asked.
    """
    base = current().notes.get("held")
    if base is None:
        raise RigFailed("held_more compares with held, which was never asked")
    start = time.monotonic()
    while True:
        now = _held()
        grown = {name: now[name] - base[name] for name in base}
        took = time.monotonic() - start
        if max(grown.values()) <= at_most or took > within:
            return {**grown, "most": max(grown.values()), "seconds": took}
        time.sleep(0.2)


def _held() -> dict[str, float]:
    told = metrics()
    return {short: told[name] for name, short in _HELD.items()}

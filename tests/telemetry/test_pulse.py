import asyncio
import time

from dynogate.telemetry.metrics import Metrics
from dynogate.telemetry.pulse import PERIOD_SEC, Pulse


def lag(metrics: Metrics, bound: str) -> int:
    """How many beats came later than ``bound`` seconds."""
    for family in metrics.families():
        if family.name == "dynogate_event_loop_lag_seconds":
            counts = {sample.labels.get("le"): sample.value for sample in family.samples}
            return int(counts["+Inf"] - counts[bound])
    raise AssertionError


async def test_a_blocked_loop_is_seen() -> None:
    """A callback that holds the loop for longer than a beat shows in the histogram."""
    metrics = Metrics()
    told: list[float] = []
    pulse = Pulse(metrics, told.append)
    await asyncio.sleep(0)
    assert lag(metrics, "0.1") == 0
    time.sleep(PERIOD_SEC + 0.15)
    await asyncio.sleep(0.01)
    pulse.stop()
    assert lag(metrics, "0.1") == 1
    assert max(told) > 0.1


async def test_what_is_followed_is_looked_at_with_each_beat() -> None:
    """And not any more after the last."""
    metrics = Metrics()
    looked = asyncio.Event()

    def figure() -> float:
        looked.set()
        return 3.0

    metrics.follow(metrics.jobs_queued, figure)
    pulse = Pulse(metrics, lambda lag_sec: None)
    await asyncio.wait_for(looked.wait(), 5)
    pulse.stop()
    assert metrics.figures()["dynogate_jobs_queued"] == 3

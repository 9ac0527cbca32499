"""A regular look at this process: how late its event loop is, and what it holds."""

import asyncio
import itertools
from collections.abc import Callable

from dynogate.telemetry.metrics import Metrics

PERIOD_SEC = 0.25
_LOOK_EVERY = 4  # beats; counting the tasks of a thousand connections takes a millisecond


class Pulse:
    """Beats on the running event loop until it is stopped.

    Args:
        on_beat: told with each beat how late it came, in seconds.
    """

    def __init__(self, metrics: Metrics, on_beat: Callable[[float], None]) -> None:
        self._metrics = metrics
        self._on_beat = on_beat
        self._loop = asyncio.get_running_loop()
        self._beats = itertools.count()
        self._due = self._loop.time()
        metrics.follow(metrics.tasks, lambda: len(asyncio.all_tasks(self._loop)))
        self._next = self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        now = self._loop.time()
        lag_sec = max(now - self._due, 0.0)
        self._metrics.loop_lag.observe(lag_sec)
        self._on_beat(lag_sec)
        if next(self._beats) % _LOOK_EVERY == 0:
            self._metrics.refresh()
        self._due = now + PERIOD_SEC
        self._next = self._loop.call_at(self._due, self._beat)

    def stop(self) -> None:
        """Beat no more."""
        self._next.cancel()

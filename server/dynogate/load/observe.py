"""What the server's process does meanwhile: memory, CPU, descriptors, and its event loop's lag.

From a local process id, from the server's ``/metrics`` (Prometheus text format), or both.
"""

import asyncio
import contextlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

import aiohttp
import msgspec
import numpy as np
import psutil
from numpy.typing import NDArray

from dynogate.errors import ConfigurationError
from dynogate.load.engines.http import session_for
from dynogate.load.targets import Target

INTERVAL = 1.0
"""Seconds between looks."""

_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{.*\})?\s+(\S+)", re.MULTILINE)
_LAG = "event_loop_lag_seconds"
_NAMES = {
    # What every Prometheus client library gives of its own process
    # (prometheus.io/docs/instrumenting/writing_clientlibs, "process metrics").
    "process_resident_memory_bytes": "rss",
    "process_cpu_seconds_total": "cpu",
    "process_open_fds": "descriptors",
    # What a Dynogate gateway gives of each of its worker processes.
    "dynogate_worker_resident_bytes": "rss",
    "dynogate_worker_cpu_seconds_total": "cpu",
    "dynogate_worker_open_files": "descriptors",
}


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The server over the run; NaN where it could not be seen.

    Attributes:
        source: where the figures come from, in words; empty where there are none.
        at: seconds since the start of the run.
        rss: resident memory in bytes.
        cpu: cores in use.
        descriptors: open file descriptors.
        lag: mean lag of the server's event loop in seconds.
    """

    source: str
    at: NDArray[np.float64]
    rss: NDArray[np.float64]
    cpu: NDArray[np.float64]
    descriptors: NDArray[np.float64]
    lag: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Look:
    """One look: cumulative CPU and lag are made rates later."""

    at: float
    rss: float = math.nan
    cpu_seconds: float = math.nan
    descriptors: float = math.nan
    lag_sum: float = math.nan
    lag_count: float = math.nan


class Observer:
    """Looks at the server every second until it is told to stop; an async context manager.

    Args:
        target: whose ``/metrics`` is asked, if it has one.
        pid: of a process on this machine; its children are counted in.

    Raises:
        ConfigurationError: there is no such process, or it is not ours to look at.
    """

    def __init__(self, target: Target, pid: int | None = None) -> None:
        self._target = target
        self._process = _process(pid)
        self._looks: list[_Look] = []
        self._has_metrics = True
        self._task: asyncio.Task[None]
        self._over: asyncio.Future[None]

    async def __aenter__(self) -> "Observer":
        self._over = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set_result(None)
        await self._task

    async def _watch(self) -> None:
        limited = msgspec.structs.replace(
            self._target, url=self._target.base, transport="rpc", timeout=INTERVAL
        )
        async with session_for(limited) as session:
            while not self._over.done():
                look = await self._look(session)
                self._looks.append(look)
                pause = max(look.at + INTERVAL - perf_counter(), INTERVAL / 2)
                await asyncio.wait([self._over], timeout=pause)

    async def _look(self, session: aiohttp.ClientSession) -> _Look:
        now = perf_counter()
        told = await self._metrics(session) if self._has_metrics else {}
        rss, cpu, fds = told.get("rss"), told.get("cpu"), told.get("descriptors")
        if self._process is not None:
            seen = _of_process(self._process)
            rss, cpu, fds = seen if seen is not None else (None, None, None)
        return _Look(
            at=now,
            rss=_known(rss),
            cpu_seconds=_known(cpu),
            descriptors=_known(fds),
            lag_sum=_known(told.get("lag_sum")),
            lag_count=_known(told.get("lag_count")),
        )

    async def _metrics(self, session: aiohttp.ClientSession) -> Mapping[str, float]:
        url = f"{self._target.base}/metrics"
        try:
            async with session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    self._has_metrics = response.status in {429, 503}
                    return {}
                return parse_metrics(await response.text())
        except (aiohttp.ClientError, OSError, TimeoutError, UnicodeDecodeError):
            return {}

    def timeline(self, start: float) -> Timeline:
        """What was seen from ``start`` (of ``time.perf_counter``) on."""
        looks = [look for look in self._looks if look.at >= start - INTERVAL]

        def column(value: Callable[[_Look], float]) -> NDArray[np.float64]:
            return np.array([value(look) for look in looks], float)

        at = column(lambda look: look.at - start)
        lag = _rate(column(lambda look: look.lag_sum), column(lambda look: look.lag_count))
        timeline = Timeline(
            source=self._source(),
            at=at,
            rss=column(lambda look: look.rss),
            cpu=_rate(column(lambda look: look.cpu_seconds), at),
            descriptors=column(lambda look: look.descriptors),
            lag=lag,
        )
        return _from_start(timeline)

    def _source(self) -> str:
        sources = []
        if self._process is not None:
            sources.append(f"process {self._process.pid} and its children")
        if any(not math.isnan(look.lag_count) for look in self._looks) or (
            self._process is None and any(not math.isnan(look.rss) for look in self._looks)
        ):
            sources.append(f"{self._target.base}/metrics")
        return ", ".join(sources)


def _from_start(seen: Timeline) -> Timeline:
    """Without the look before the start, which was only there to count from."""
    run = seen.at >= 0
    return Timeline(
        seen.source,
        seen.at[run],
        seen.rss[run],
        seen.cpu[run],
        seen.descriptors[run],
        seen.lag[run],
    )


def _rate(numbers: NDArray[np.float64], per: NDArray[np.float64]) -> NDArray[np.float64]:
    """Growth of one from look to look, over growth of the other; NaN where that did not grow."""
    if numbers.size == 0:
        return numbers
    grown = np.diff(per, prepend=math.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(grown > 0, np.diff(numbers, prepend=math.nan) / grown, math.nan)


def parse_metrics(text: str) -> dict[str, float]:
    """``rss``, ``cpu`` and ``descriptors`` of a Prometheus exposition, summed over labels.

    ``lag_sum`` and ``lag_count`` are those of the histogram or summary of an event loop's lag.
    """
    told: dict[str, float] = {}
    for name, value in _SAMPLE.findall(text):
        key = _NAMES.get(name) or _lag_key(name)
        if key:
            with contextlib.suppress(ValueError):
                told[key] = told.get(key, 0.0) + float(value)
    return told


def _lag_key(name: str) -> str:
    for end in ("sum", "count"):
        if name.endswith(f"{_LAG}_{end}"):
            return f"lag_{end}"
    return ""


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _process(pid: int | None) -> psutil.Process | None:
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        process.memory_info()
        process.num_fds()
    except (psutil.Error, ValueError) as error:
        raise ConfigurationError(f"process {pid} cannot be watched: {error}") from error
    return process


def _of_process(root: psutil.Process) -> tuple[float, float, float] | None:
    """Memory, CPU seconds and descriptors of a process and its children; None where it is gone."""
    rss = cpu = fds = 0.0
    try:
        family = [root, *root.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess if process is not root else OSError):
                with process.oneshot():
                    times = process.cpu_times()
                    used = process.memory_info().rss
                    cpu += times.user + times.system
                    rss += used
                fds += process.num_fds()
    except psutil.Error:
        return None
    return rss, cpu, fds

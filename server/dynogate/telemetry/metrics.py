"""Prometheus metrics of the gateway: of all its server processes, whichever is asked.

Counting is done in place, in :mod:`dynogate.telemetry.cells`; the Prometheus client library only
writes the text when somebody asks.
"""

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Generic, TypeVar

import psutil
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from dynogate.telemetry.cells import Cells, Key

CONTENT_TYPE = CONTENT_TYPE_LATEST

# From a millisecond (reading a profile) to ten minutes (the longest job by default).
_TOOL_SEC = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600)
_LAG_SEC = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Value:
    """A number that goes up (a counter) or up and down (a gauge)."""

    __slots__ = ("_cells",)

    def __init__(self, cells: "memoryview[float]") -> None:
        self._cells = cells

    def inc(self, by: float = 1.0) -> None:
        """Add to it."""
        self._cells[0] += by

    def dec(self) -> None:
        """Take one away."""
        self._cells[0] -= 1.0

    def set(self, value: float) -> None:
        """Say what it is now."""
        self._cells[0] = value


class Distribution:
    """How often which durations were seen: a count for each bucket, and the sum of all."""

    __slots__ = ("_bounds", "_cells")

    def __init__(self, cells: "memoryview[float]", bounds: tuple[float, ...]) -> None:
        self._cells = cells
        self._bounds = bounds

    def observe(self, seconds: float) -> None:
        """Count one duration in."""
        cells = self._cells
        cells[bisect_left(self._bounds, seconds)] += 1.0
        cells[-1] += seconds


S = TypeVar("S", Value, Distribution)


class Family(Generic[S], dict[tuple[str, ...], S]):
    """One metric: its series by the values of its labels, ``calls[tool, transport, "ok"]``.

    Values come from code, never from clients, so that there are few.
    """

    def __init__(
        self, cells: Cells, name: str, help_text: str, label_names: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self._cells = cells
        self._help = help_text
        self._label_names = label_names

    def __missing__(self, values: tuple[str, ...]) -> S:
        series = self[values] = self._make(values)
        return series

    def _make(self, values: tuple[str, ...]) -> S:
        raise NotImplementedError

    def _mine(self, sums: dict[Key, list[float]]) -> Iterator[tuple[tuple[str, ...], list[float]]]:
        return ((labels, found) for (name, labels), found in sums.items() if name == self.name)


class Counter(Family[Value]):
    """Counts what happened; outlives the process that counted."""

    def _make(self, values: tuple[str, ...]) -> Value:
        return Value(self._cells.take(self.name, values, 1, lasting=True))

    def exposed(self, sums: dict[Key, list[float]]) -> Metric:
        """The metric with all its series, for Prometheus."""
        family = CounterMetricFamily(self.name, self._help, labels=self._label_names)
        for labels, (value,) in self._mine(sums):
            family.add_metric(labels, value)
        return family


class Gauge(Value):
    """Says what is now; gone with the process that said it."""

    __slots__ = ("_help", "name")

    def __init__(self, cells: Cells, name: str, help_text: str) -> None:
        super().__init__(cells.take(name, (), 1, lasting=False))
        self.name = name
        self._help = help_text

    def exposed(self, sums: dict[Key, list[float]]) -> Metric:
        """The metric, for Prometheus."""
        return GaugeMetricFamily(self.name, self._help, value=sums[self.name, ()][0])


class Histogram(Family[Distribution]):
    """Tells how long things took."""

    def __init__(
        self,
        cells: Cells,
        name: str,
        help_text: str,
        label_names: tuple[str, ...] = (),
        *,
        bounds: tuple[float, ...],
    ) -> None:
        super().__init__(cells, name, help_text, label_names)
        self._bounds = bounds

    def _make(self, values: tuple[str, ...]) -> Distribution:
        count = len(self._bounds) + 2  # the bucket without a bound, and the sum
        return Distribution(self._cells.take(self.name, values, count, lasting=True), self._bounds)

    def exposed(self, sums: dict[Key, list[float]]) -> Metric:
        """The metric with all its series, for Prometheus."""
        family = HistogramMetricFamily(self.name, self._help, labels=self._label_names)
        bounds = [*map(str, map(float, self._bounds)), "+Inf"]
        for labels, (*counts, total) in self._mine(sums):
            family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
        return family


class Metrics:
    """Rate, errors and duration for each tool and transport, and what the gateway holds.

    Counted from the thread of the event loop only.

    Args:
        directory: where the server processes of one gateway keep their figures together; None
            where there is only one.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._cells = cells = Cells(directory)
        self._followed: list[tuple[Gauge, Callable[[], float]]] = []
        self._gauges: list[Gauge] = []
        self.requests = Counter(
            cells,
            "dynogate_http_requests",
            "HTTP requests by way in and status; a WebSocket counts once, when it is opened.",
            ("transport", "status"),
        )
        self.calls = Counter(
            cells,
            "dynogate_tool_calls",
            "Tool calls by tool and outcome (ok, error code).",
            ("tool", "transport", "outcome"),
        )
        self.seconds = Histogram(
            cells,
            "dynogate_tool_seconds",
            "Time from a tool call's arguments to its result.",
            ("tool", "transport"),
            bounds=_TOOL_SEC,
        )
        self.refused = Counter(
            cells,
            "dynogate_refused",
            "What the guards refused, by the error that said so.",
            ("error",),
        )
        self.messages = Counter(
            cells,
            "dynogate_websocket_messages",
            "Messages on WebSockets, by direction (in, out).",
            ("direction",),
        )
        self.closes = Counter(
            cells,
            "dynogate_websocket_closes",
            "WebSockets that ended, by close code (RFC 6455).",
            ("code",),
        )
        self.circuit_changes = Counter(
            cells,
            "dynogate_circuit_changes",
            "State changes of circuit breakers, by what they guard and the state they came to "
            "(closed, open, half_open).",
            ("circuit", "state"),
        )
        self._loop_lag = Histogram(
            cells,
            "dynogate_event_loop_lag_seconds",
            "How late the event loop came to a callback that was due.",
            bounds=_LAG_SEC,
        )
        self.loop_lag = self._loop_lag[()]
        self.in_flight = self._gauge("dynogate_tool_calls_in_flight", "Tool calls being served.")
        self.jobs_running = self._gauge("dynogate_jobs_running", "Jobs that run now.")
        self.jobs_queued = self._gauge("dynogate_jobs_queued", "Jobs that wait for a place.")
        self.connections = self._gauge("dynogate_connections", "Open client connections.")
        self.tasks = self._gauge("dynogate_event_loop_tasks", "Tasks on the event loops.")
        self.sessions = self._gauge("dynogate_mcp_sessions", "Open sessions of the MCP era 2025.")
        self.deferred = self._gauge(
            "dynogate_mcp_tasks", "Tasks of the MCP extension that have not ended."
        )
        self.sockets = self._gauge("dynogate_websockets", "Open WebSockets.")
        self.admitted = self._gauge(
            "dynogate_calls_under_way", "Tool calls that were let in and wait for something."
        )
        self.admission_queued = self._gauge(
            "dynogate_admission_queued", "Calls of quick tools that wait to be let in."
        )
        self.admission_limit = self._gauge(
            "dynogate_admission_limit", "Calls of quick tools that would be let in at once."
        )
        self.late = self._gauge(
            "dynogate_late_workers",
            "Server processes whose event loop stays late; calls that waited are refused there.",
        )
        self.shared_limits_up = self._gauge(
            "dynogate_rate_limit_storage_up",
            "Server processes that reach the shared storage of rate limits.",
        )
        self.circuits_open = self._gauge(
            "dynogate_circuits_open",
            "Circuit breakers of all server processes that let no call through, or only probes.",
        )
        self._counters = (
            self.requests,
            self.calls,
            self.refused,
            self.messages,
            self.closes,
            self.circuit_changes,
        )
        self.registry = CollectorRegistry()
        self.registry.register(_Exposed(self.families))

    def _gauge(self, name: str, help_text: str) -> Gauge:
        gauge = Gauge(self._cells, name, help_text)
        self._gauges.append(gauge)
        return gauge

    def follow(self, gauge: Gauge, figure: Callable[[], float]) -> None:
        """Keep ``gauge`` at what ``figure`` says, whenever this process looks (``refresh``)."""
        self._followed.append((gauge, figure))

    def refresh(self) -> None:
        """Look at what is followed."""
        for gauge, figure in self._followed:
            gauge.set(figure())

    def families(self) -> Iterable[Metric]:
        """Every metric, of all processes."""
        sums = self._cells.sums()
        for counter in self._counters:
            yield counter.exposed(sums)
        for histogram in (self.seconds, self._loop_lag):
            yield histogram.exposed(sums)
        for gauge in self._gauges:
            yield gauge.exposed(sums)
        yield from _process_figures(self._cells.processes())

    def figures(self) -> dict[str, int]:
        """What is counted, by the metric's name: each summed over its series and all processes."""
        totals = {"dynogate_workers": len(self._cells.processes())}
        for (name, _), values in self._cells.sums().items():
            if len(values) == 1:
                totals[name] = totals.get(name, 0) + int(values[0])
        return totals

    def render(self) -> bytes:
        """Every metric in Prometheus text format."""
        return generate_latest(self.registry)

    def close(self) -> None:
        """This process counts no more."""
        self._cells.close()


class _Exposed(Collector):
    """What the Prometheus client library asks when it writes its text."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


def _process_figures(pids: dict[int, int]) -> Iterable[Metric]:
    """What each server process has of the machine; read by whichever is asked."""
    memory = GaugeMetricFamily(
        "dynogate_worker_resident_bytes", "Memory of each server process.", labels=("worker",)
    )
    cpu = CounterMetricFamily(
        "dynogate_worker_cpu_seconds", "CPU time of each server process.", labels=("worker",)
    )
    files = GaugeMetricFamily(
        "dynogate_worker_open_files", "Open files of each server process.", labels=("worker",)
    )
    for number, pid in pids.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                memory.add_metric((str(number),), process.memory_info().rss)
                cpu.add_metric((str(number),), times.user + times.system)
                files.add_metric((str(number),), process.num_fds())
    return memory, cpu, files

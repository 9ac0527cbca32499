"""Prometheus metrics of the gateway.

With several server processes they are summed through the files of ``PROMETHEUS_MULTIPROC_DIR``,
which ``dynogate serve`` sets up.
"""

import os
from typing import Generic, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"

# From a millisecond (reading a profile) to ten minutes (the longest job by default).
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600)


M = TypeVar("M", bound=MetricWrapperBase)


class Labelled(Generic[M], dict[tuple[str, ...], M]):
    """The children of a metric by the values of its labels: ``calls[tool, transport, "ok"]``.

    prometheus-client's ``labels()`` checks, joins and locks each time, which costs more than the
    counting. Values come from code, never from clients, so that there are few.
    """

    def __init__(self, metric: M) -> None:
        self._metric: M = metric

    def __missing__(self, values: tuple[str, ...]) -> M:
        child = self[values] = self._metric.labels(*values)
        return child


class Metrics:
    """Rate, errors and duration for each tool and transport, and what the gateway holds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = self._counter(
            "dynogate_http_requests", "HTTP requests by way in and status.", "transport", "status"
        )
        self.calls = self._counter(
            "dynogate_tool_calls",
            "Tool calls by tool and outcome (ok, error code).",
            *("tool", "transport", "outcome"),
        )
        self.seconds = self._histogram(
            "dynogate_tool_seconds",
            "Time from a tool call's arguments to its result.",
            *("tool", "transport"),
        )
        self.refused = self._counter(
            "dynogate_refused", "What the guards refused, by the error that said so.", "error"
        )
        self.in_flight = self._gauge("dynogate_tool_calls_in_flight", "Tool calls being served.")
        self.jobs_running = self._gauge("dynogate_jobs_running", "Jobs that run now.")
        self.jobs_queued = self._gauge("dynogate_jobs_queued", "Jobs that wait for a place.")
        self.connections = self._gauge("dynogate_connections", "Open client connections.")

    def _counter(self, name: str, help_text: str, *labels: str) -> Labelled[Counter]:
        return Labelled(Counter(name, help_text, labels, registry=self.registry))

    def _histogram(self, name: str, help_text: str, *labels: str) -> Labelled[Histogram]:
        metric = Histogram(name, help_text, labels, buckets=_BUCKETS, registry=self.registry)
        return Labelled(metric)

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, registry=self.registry, multiprocess_mode="livesum")

    def render(self) -> bytes:
        """Every metric in Prometheus text format."""
        if MULTIPROCESS_DIR not in os.environ:
            return generate_latest(self.registry)
        summed = CollectorRegistry()
        MultiProcessCollector(summed)  # type: ignore[no-untyped-call]  # prometheus-client's own
        return generate_latest(summed)

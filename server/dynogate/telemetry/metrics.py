"""Prometheus metrics of the gateway.

With several server processes they are summed through the files of ``PROMETHEUS_MULTIPROC_DIR``,
which ``dynogate serve`` sets up.
"""

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"

# From a millisecond (reading a profile) to ten minutes (the longest job by default).
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600)


class Metrics:
    """Rate, errors and duration for each tool and transport, and what the gateway holds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "dynogate_http_requests",
            "HTTP requests by way in and status.",
            ("transport", "status"),
            registry=self.registry,
        )
        self.calls = Counter(
            "dynogate_tool_calls",
            "Tool calls by tool and outcome (ok, error code).",
            ("tool", "transport", "outcome"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "dynogate_tool_seconds",
            "Time from a tool call's arguments to its result.",
            ("tool", "transport"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.refused = Counter(
            "dynogate_refused",
            "What the guards refused, by the error that said so.",
            ("error",),
            registry=self.registry,
        )
        self.shared_limits_up = self._gauge(
            "dynogate_rate_limit_storage_up",
            "Server processes that reach the shared storage of rate limits.",
        )
        self.in_flight = self._gauge("dynogate_tool_calls_in_flight", "Tool calls being served.")
        self.jobs_running = self._gauge("dynogate_jobs_running", "Jobs that run now.")
        self.jobs_queued = self._gauge("dynogate_jobs_queued", "Jobs that wait for a place.")
        self.connections = self._gauge("dynogate_connections", "Open client connections.")

    def _gauge(self, name: str, help_text: str) -> Gauge:
        return Gauge(name, help_text, registry=self.registry, multiprocess_mode="livesum")

    def render(self) -> bytes:
        """Every metric in Prometheus text format."""
        if MULTIPROCESS_DIR not in os.environ:
            return generate_latest(self.registry)
        summed = CollectorRegistry()
        MultiProcessCollector(summed)  # type: ignore[no-untyped-call]  # prometheus-client's own
        return generate_latest(summed)

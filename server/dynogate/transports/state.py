"""What the transports share: the wired parts of one gateway process."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dynogate.guards.body import BodyGuard
from dynogate.guards.origin import OriginGuard
from dynogate.jobs.queue import JobQueue
from dynogate.settings import Settings
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.context import Progress, Services, ToolContext, no_progress
from dynogate.tools.registry import Registry

LOCAL = "local"
"""The principal of every caller while no authentication is configured."""


@dataclass(slots=True)
class Gateway:
    """One process of the gateway.

    Attributes:
        checks: what readiness depends on, by name; each raises a DynogateError where it fails.
        store_figures: how much the store holds, for ``/status``.
    """

    settings: Settings
    registry: Registry
    services: Services
    jobs: JobQueue
    metrics: Metrics
    origin: OriginGuard
    body: BodyGuard
    checks: Mapping[str, Callable[[], None]]
    store_figures: Callable[[], dict[str, int]]
    started: float = field(default_factory=time.monotonic)
    total_requests: int = 0
    draining: bool = False

    def context(
        self, client_id: str | None = None, progress: Progress = no_progress
    ) -> ToolContext:
        """The context of one call."""
        return ToolContext(
            principal=LOCAL,
            client_id=client_id,
            jobs=self.jobs,
            services=self.services,
            progress=progress,
        )

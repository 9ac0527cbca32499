"""What the transports share: the wired parts of one gateway process."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dynogate.guards.body import BodyGuard
from dynogate.guards.caller import LOCAL, Caller
from dynogate.guards.origin import OriginGuard
from dynogate.jobs.queue import JobQueue
from dynogate.settings import Settings
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.context import DEAF, Client, Progress, Services, ToolContext, no_progress
from dynogate.tools.dispatch import call_tool
from dynogate.tools.registry import Registry, Tool


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

    def identify(self, headers: Sequence[tuple[bytes, bytes]]) -> Caller:
        """Who sent a request with these headers; every transport asks this first.

        Raises:
            ForbiddenOrigin: Host or Origin is not one of ours.
        """
        self.origin.check(headers)
        return LOCAL

    async def call(
        self,
        tool: Tool,
        arguments: bytes,
        caller: Caller,
        transport: str,
        *,
        client_id: str | None = None,
        progress: Progress = no_progress,
        client: Client = DEAF,
    ) -> bytes:
        """Run ``tool`` for ``caller``: the one way to a tool, from every transport.

        Returns:
            The encoded CallToolResult.

        Raises:
            DynogateError: what the guards or the tool have to say.
        """
        context = ToolContext(
            principal=caller.principal,
            client_id=client_id,
            jobs=self.jobs,
            services=self.services,
            progress=progress,
            client=client,
        )
        return await call_tool(tool, arguments, context, self.metrics, transport)

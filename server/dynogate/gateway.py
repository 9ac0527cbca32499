"""The wired parts of one gateway process, and the one way from any transport to a tool."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dynogate.guards.body import BodyGuard
from dynogate.guards.caller import Caller
from dynogate.guards.chain import Guards
from dynogate.guards.drain import Drain
from dynogate.jobs.queue import JobQueue
from dynogate.settings import Settings
from dynogate.telemetry.audit import Audit
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.changes import Changes
from dynogate.tools.context import DEAF, Client, Progress, Services, ToolContext, no_progress
from dynogate.tools.dispatch import call_tool
from dynogate.tools.registry import Registry, Tool


@dataclass(slots=True)
class Gateway:
    """One process of the gateway.

    Attributes:
        checks: what readiness depends on, by name; each raises a DynogateError where it fails.
        store_figures: how much the store holds, for ``/status``.
        changes: news of what clients may have asked to be told.
        audit: where calls of tools that execute are written down.
        drain: whether the process shuts down, and what is under way.
    """

    settings: Settings
    registry: Registry
    services: Services
    jobs: JobQueue
    metrics: Metrics
    guards: Guards
    body: BodyGuard
    checks: Mapping[str, Callable[[], None]]
    store_figures: Callable[[], dict[str, int]]
    changes: Changes
    audit: Audit
    started: float = field(default_factory=time.monotonic)
    drain: Drain = field(default_factory=Drain)

    async def identify(self, scope: Mapping[str, Any]) -> Caller:
        """Who sent a request with this ASGI scope; every transport asks this first.

        Raises:
            DynogateError: the request may not come in.
        """
        return await self.guards.identify(scope)

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
        context = self.context(caller, client_id=client_id, progress=progress, client=client)
        return await self.guards.run(
            tool,
            caller,
            lambda: call_tool(tool, arguments, context, self.metrics, self.audit, transport),
            client_id=client_id,
        )

    def context(
        self,
        caller: Caller,
        *,
        client_id: str | None = None,
        progress: Progress = no_progress,
        client: Client = DEAF,
    ) -> ToolContext:
        """What tools, and those who read resources and write prompts, are given."""
        return ToolContext(
            principal=caller.principal,
            credential=caller.credential,
            client_id=client_id,
            jobs=self.jobs,
            services=self.services,
            progress=progress,
            client=client,
        )

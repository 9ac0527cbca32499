"""The wired parts of one gateway process, and the one way from any transport to a tool."""

import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynogate.guards.body import BodyGuard
from dynogate.guards.caller import Caller
from dynogate.guards.chain import Guards
from dynogate.guards.drain import Drain
from dynogate.guards.readiness import Readiness
from dynogate.jobs.queue import JobQueue
from dynogate.settings import Settings
from dynogate.telemetry.audit import Audit
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.changes import Changes
from dynogate.tools.context import (
    DEAF,
    Client,
    Deferral,
    Progress,
    Services,
    ToolContext,
    no_progress,
)
from dynogate.tools.dispatch import call_tool
from dynogate.tools.registry import Registry, Tool
from dynogate.tools.tasks import TaskRunner

if TYPE_CHECKING:
    from dynogate.telemetry.traces import Traces


@dataclass(slots=True)
class Gateway:
    """One process of the gateway.

    Attributes:
        readiness: how the things are that serving calls depends on.
        store_figures: how much the store holds, for ``/status``.
        changes: news of what clients may have asked to be told.
        audit: where calls of tools that execute are written down.
        tasks: calls that outlive their request.
        secret: what the processes of this gateway have in common, and nobody else.
        traces: where spans of calls go; None while nobody wants any.
        drain: whether the process shuts down, and what is under way.
    """

    settings: Settings
    registry: Registry
    services: Services
    jobs: JobQueue
    metrics: Metrics
    guards: Guards
    body: BodyGuard
    readiness: Readiness
    drain: Drain
    store_figures: Callable[[], dict[str, int]]
    changes: Changes
    audit: Audit
    tasks: TaskRunner
    secret: bytes
    traces: "Traces | None" = None
    started: float = field(default_factory=time.monotonic)

    def call(
        self,
        tool: Tool,
        arguments: bytes,
        caller: Caller,
        transport: str,
        *,
        client_id: str | None = None,
        progress: Progress = no_progress,
        client: Client = DEAF,
        deferral: Deferral | None = None,
        version: str | None = None,
        parent: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, bytes]:
        """Run ``tool`` for ``caller``: the one way to a tool, from every transport.

        Args:
            version: of MCP, where the call is one of MCP, for traces.
            parent: where the client's trace stands, if its message tells (W3C trace context).

        Returns:
            The encoded CallToolResult.

        Raises:
            DynogateError: what the guards or the tool have to say.
        """
        context = self.context(
            caller, client_id=client_id, progress=progress, client=client, deferral=deferral
        )
        called = self.guards.run(
            tool,
            caller,
            lambda: call_tool(tool, arguments, context, self.metrics, self.audit, transport),
            client_id=client_id,
        )
        if self.traces is None:
            return called
        span = self.traces.call(tool.name, transport, parent or {}, version)
        return _within(span, called)

    def context(
        self,
        caller: Caller,
        *,
        client_id: str | None = None,
        progress: Progress = no_progress,
        client: Client = DEAF,
        deferral: Deferral | None = None,
    ) -> ToolContext:
        """What tools, and those who read resources and write prompts, are given."""
        return ToolContext(
            principal=caller.principal,
            credential=caller.credential,
            client_id=client_id or caller.client_id,
            jobs=self.jobs,
            services=self.services,
            progress=progress,
            client=client,
            deferral=deferral,
        )


async def _within(span: AbstractContextManager[None], called: Awaitable[bytes]) -> bytes:
    with span:
        return await called

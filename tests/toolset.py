"""A toolset of small tools, loaded by tests through DYNOGATE_TOOLSETS."""

import asyncio
import threading
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from dynogate.errors import ToolTimedOut
from dynogate.jobs.queue import JobHandle
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("testing")
READ = Annotations(read_only=True, idempotent=True)

cancelled = threading.Event()
"""Set when ``wait`` was cancelled."""


class Echo(BaseModel):
    """What was said, and by whom."""

    said: str
    times: int
    client_id: str | None
    principal: str

    def text(self) -> str:
        return " ".join([self.said] * self.times)


@toolset.tool(scope="tools:read", annotations=READ)
async def echo(
    ctx: ToolContext,
    *,
    say: Annotated[str, Field(description="what to say", max_length=100)],
    times: Annotated[int, Field(description="how often", ge=1, le=5)] = 1,
    mood: Annotated[Literal["calm", "loud"], Field(description="how")] = "calm",
) -> Echo:
    """Say something back.

    The second paragraph is for those who read on.
    """
    said = say.upper() if mood == "loud" else say
    return Echo(said=said, times=times, client_id=ctx.client_id, principal=ctx.principal)


@toolset.tool(scope="tools:read", annotations=READ)
async def crash(ctx: ToolContext) -> Echo:
    """Fail by a fault of the gateway's own."""
    raise RuntimeError("secret detail")


@toolset.tool(scope="tools:execute", annotations=Annotations(read_only=False))
async def refuse(ctx: ToolContext) -> Echo:
    """Fail as tools do."""
    raise ToolTimedOut("it took too long", data={"after": 1.5})


@toolset.tool(scope="tools:execute", annotations=Annotations(read_only=False), long_running=True)
async def wait(
    ctx: ToolContext, *, seconds: Annotated[float, Field(description="how long", ge=0)]
) -> Echo:
    """Wait in the job queue, until the time is over or somebody cancels."""

    def work(job: JobHandle) -> Echo:
        stop = threading.Event()
        with job.cancel.calling(stop.set):
            stop.wait(seconds)
        return Echo(said="waited", times=1, client_id=None, principal=ctx.principal)

    try:
        return await ctx.run_job("wait", work)
    except asyncio.CancelledError:
        cancelled.set()
        raise


@toolset.tool(scope="tools:execute", annotations=Annotations(read_only=False), long_running=True)
async def steps(
    ctx: ToolContext, *, count: Annotated[int, Field(description="how many", ge=1, le=100)]
) -> Echo:
    """Take some steps, and tell of each."""

    def work(job: JobHandle) -> Echo:
        for step in range(count):
            job.progress(step + 1, count, f"step {step + 1}")
        return Echo(said="done", times=1, client_id=None, principal=ctx.principal)

    return await ctx.run_job("steps", work)


@toolset.tool(scope="tools:read", annotations=READ)
async def fill(
    ctx: ToolContext, *, size: Annotated[int, Field(description="how many characters", ge=0)]
) -> Echo:
    """Answer at some length."""
    return Echo(said="x" * size, times=1, client_id=None, principal=ctx.principal)

"""Tools that do some work, for experiments on the gateway's own process."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from dynogate.errors import UpstreamFailed
from dynogate.jobs.child import ChildEnd, ChildSpec, run_child
from dynogate.jobs.queue import JobHandle
from dynogate.resilience.breaker import CircuitBreaker
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

toolset = Toolset("chaos_work")

EXECUTED = "executed"
"""The file beside the data directory with a line for each call of ``note`` that was executed."""


BREAKER_SEC = 3.0
"""How long the circuit breaker of ``guarded`` stays open."""

_breaker = CircuitBreaker(3, BREAKER_SEC, UpstreamFailed, name="chaos")


class Worked(BaseModel):
    """How long."""

    seconds: float

    def text(self) -> str:
        """As a number."""
        return f"{self.seconds:g} s"


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True))
async def spin(
    ctx: ToolContext, *, ms: Annotated[float, Field(description="of CPU time", gt=0, le=100)]
) -> Worked:
    """Keep a core busy: what the gateway can serve of it is known beforehand."""
    end = time.thread_time() + ms / 1000
    while time.thread_time() < end:
        pass
    return Worked(seconds=ms / 1000)


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=False))
async def note(
    ctx: ToolContext,
    *,
    number: Annotated[int, Field(description="of the call")],
    seconds: Annotated[float, Field(description="how long it takes", ge=0, le=10)] = 0.0,
) -> Worked:
    """Write down that this call is executed, and take some time."""
    with (_data().parent / EXECUTED).open("ab", buffering=0) as executed:
        executed.write(b"%d\n" % number)
    await asyncio.sleep(seconds)
    return Worked(seconds=seconds)


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=False))
async def save(ctx: ToolContext) -> Worked:
    """Write a file on the disk of the gateway's data."""
    (_data() / "saved").write_bytes(b"x")
    return Worked(seconds=0.0)


def _data() -> Path:
    return Path(os.environ["DYNOGATE_DATA_DIR"])


@toolset.tool(scope="tools:execute", annotations=Annotations(read_only=False), long_running=True)
async def work(
    ctx: ToolContext, *, seconds: Annotated[float, Field(description="how long", ge=0, le=600)]
) -> Worked:
    """Have a program run for a while, as a job."""
    program = f"import time; time.sleep({seconds})"
    spec = ChildSpec(argv=(sys.executable, "-S", "-c", program), cwd=Path("/"), env={})

    def run(job: JobHandle) -> Worked:
        result = run_child(spec, cancel=job.cancel)
        if result.end is not ChildEnd.EXITED:
            raise RuntimeError(f"the program was ended: {result.end}")
        return Worked(seconds=result.elapsed_sec)

    return await ctx.run_job("work", run)


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True), long_running=True)
async def rest(
    ctx: ToolContext, *, seconds: Annotated[float, Field(description="how long", ge=0, le=60)] = 0.0
) -> Worked:
    """Do nothing for a while, as a job: the store is all that it needs."""

    def run(job: JobHandle) -> Worked:
        time.sleep(seconds)
        return Worked(seconds=seconds)

    return await ctx.run_job("rest", run)


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True))
async def guarded(
    ctx: ToolContext, *, fail: Annotated[bool, Field(description="or succeed")] = False
) -> Worked:
    """Ask something behind a circuit breaker that opens after three failures."""
    async with _breaker:
        if fail:
            raise UpstreamFailed("it failed, as it was asked to")
    return Worked(seconds=0.0)

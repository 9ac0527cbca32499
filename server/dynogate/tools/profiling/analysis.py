"""Tools that answer questions about one stored profile. They read; they run nothing."""

from typing import Annotated

from pydantic import Field

from dynogate.profiling.analysis.bottlenecks import Bottlenecks
from dynogate.profiling.analysis.functions import FunctionSummary
from dynogate.profiling.analysis.hotspots import CpuHotspots, GpuHotspots, MemoryHotspots
from dynogate.profiling.analysis.leakage import MemoryLeaks
from dynogate.profiling.analysis.overview import Analysis, Focus
from dynogate.tools.context import ToolContext
from dynogate.tools.profiling.family import (
    READ,
    CpuThreshold,
    MemoryThreshold,
    ProfileId,
    TopN,
    ask,
    toolset,
)


@toolset.tool(scope="tools:read", annotations=READ)
async def analyze_profile(
    ctx: ToolContext,
    *,
    profile_id: ProfileId,
    focus: Annotated[
        Focus, Field(description="Which resources to look at: all, cpu, memory or gpu.")
    ] = "all",
    top_n: TopN = 10,
    cpu_threshold: CpuThreshold = 5.0,
    memory_threshold_mb: MemoryThreshold = 10.0,
) -> Analysis:
    """Explain where a profiled program spends its time and memory, and what to do about it.

    Start here after profile_script or profile_code. Returns how the program ended, its hottest
    lines (CPU, memory, GPU), the lines over the thresholds, memory that keeps growing, and
    suggestions. A suggestion names a line, the figure that makes it hot, the pattern found in its
    code, what to do, and where the advice is from; where there is nothing to say there is none.
    """
    return await ask(
        ctx, profile_id, lambda a: a.analyze(focus, top_n, cpu_threshold, memory_threshold_mb)
    )


@toolset.tool(scope="tools:read", annotations=READ)
async def get_cpu_hotspots(
    ctx: ToolContext,
    *,
    profile_id: ProfileId,
    top_n: TopN = 10,
    threshold_percent: Annotated[
        float,
        Field(description="Leave out lines below this share of CPU time.", ge=0, le=100),
    ] = 1.0,
) -> CpuHotspots:
    """List the lines of a profiled program that used the most CPU time, hottest first.

    Use it to find what to make faster. Each row has file, lineno, function, source, the line's
    share of CPU time (with its Python and native parts), its share of wall-clock time spent
    waiting, and a severity: high above 20 %, medium above 5 %.
    """
    return await ask(ctx, profile_id, lambda a: a.get_cpu_hotspots(top_n, threshold_percent))


@toolset.tool(scope="tools:read", annotations=READ)
async def get_memory_hotspots(
    ctx: ToolContext, *, profile_id: ProfileId, top_n: TopN = 10
) -> MemoryHotspots:
    """List the lines of a profiled program that allocated the most memory, most first.

    Use it to find what makes a program big or churns memory. Each row has file, lineno, function,
    source, MB allocated over the run, MB still held at its end (null where unknown), and a
    severity: high above 100 MB allocated, medium above 10 MB. For memory that keeps growing use
    get_memory_leaks. Says so where memory was not profiled.
    """
    return await ask(ctx, profile_id, lambda a: a.get_memory_hotspots(top_n))


@toolset.tool(scope="tools:read", annotations=READ)
async def get_gpu_hotspots(
    ctx: ToolContext, *, profile_id: ProfileId, top_n: TopN = 10
) -> GpuHotspots:
    """List the lines of a profiled program that used the GPU the most.

    Each row has file, lineno, function, source, the share of GPU time and GPU memory, and a
    severity: high above 50 %, medium above 10 %. Where the list is empty, gpu_requested, gpu_seen
    and notes say why: not asked for (include_gpu), no GPU on that machine, or not used.
    """
    return await ask(ctx, profile_id, lambda a: a.get_gpu_hotspots(top_n))


@toolset.tool(scope="tools:read", annotations=READ)
async def get_bottlenecks(
    ctx: ToolContext,
    *,
    profile_id: ProfileId,
    cpu_threshold: CpuThreshold = 5.0,
    memory_threshold_mb: MemoryThreshold = 10.0,
) -> Bottlenecks:
    """List every line of a profiled program over a threshold, as cpu, memory and gpu.

    Use it to see whether anything is worth work at all: an empty list means that no line reached
    the threshold. Rows are those of get_cpu_hotspots, get_memory_hotspots and get_gpu_hotspots.
    """
    return await ask(
        ctx, profile_id, lambda a: a.get_bottlenecks(cpu_threshold, memory_threshold_mb)
    )


@toolset.tool(scope="tools:read", annotations=READ)
async def get_memory_leaks(ctx: ToolContext, *, profile_id: ProfileId) -> MemoryLeaks:
    """List the lines of a profiled program whose memory keeps growing while it runs.

    Each row has file, lineno, function, source, rate_mb_per_sec (the slope of what the line holds)
    and confidence (0 to 1). Memory that is allocated and given back, such as a copy made in a
    loop, is no leak. Says so where memory was not profiled.
    """
    return await ask(ctx, profile_id, lambda a: a.get_memory_leaks())


@toolset.tool(scope="tools:read", annotations=READ)
async def get_function_summary(
    ctx: ToolContext, *, profile_id: ProfileId, top_n: TopN = 10
) -> FunctionSummary:
    """List the functions of a profiled program with the most CPU time of their own.

    Use it to see which part of a program is slow before looking at lines. Each row has self and
    inclusive time (seconds and percent), callers and callees with their shares, and the memory
    allocated and retained. Library code counts for the function that called it. Calls are not
    counted: sampling cannot.
    """
    return await ask(ctx, profile_id, lambda a: a.get_function_summary(top_n))

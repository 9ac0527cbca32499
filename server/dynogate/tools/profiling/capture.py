"""Tools that run a program: under the profiler, or again and again to compare two profiles."""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from dynogate.errors import CodeExecutionDisabled
from dynogate.jobs.queue import JobHandle
from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.comparison.comparator import ProfileComparator
from dynogate.profiling.comparison.models import Comparison
from dynogate.profiling.models import Model, ProfileResult, ProfileSummary, RunOptions
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import ToolContext
from dynogate.tools.inputs import accepted, form
from dynogate.tools.policy import ProfilingPolicy
from dynogate.tools.profiling.family import EXECUTE, ProfileId, load_with_raw, toolset
from dynogate.tools.registry import invalid

CpuOnly = Annotated[bool, Field(description="Leave memory out: faster, and less to read.")]
IncludeMemory = Annotated[bool, Field(description="Profile memory, too.")]
IncludeGpu = Annotated[bool, Field(description="Profile the GPU, too, where there is one.")]
Reduced = Annotated[bool, Field(description="Keep only lines with a share worth showing.")]
Only = Annotated[
    str,
    Field(
        description="Only files whose path contains one of these (comma-separated).",
        max_length=4096,
    ),
]
Exclude = Annotated[
    str,
    Field(
        description="No files whose path contains one of these (comma-separated).", max_length=4096
    ),
]
All = Annotated[bool, Field(description="Profile library code line by line, too.")]
VirtualTime = Annotated[
    bool, Field(description="Measure CPU time only, so that waiting costs nothing.")
]
CpuPercent = Annotated[
    float, Field(description="Share of CPU time below which a line is left out.", ge=0, le=100)
]
Mallocs = Annotated[
    int, Field(description="Allocations below which a line is left out.", ge=1, le=1_000_000_000)
]
Text = Annotated[str, Field(max_length=32_768)]
Args = Annotated[
    list[Text] | None, Field(description="Command-line arguments of the program.", max_length=1000)
]
Python = Annotated[
    str | None,
    Field(
        description="Path of the interpreter or virtual environment to run it with; it needs "
        "Scalene installed. Default: the gateway's own.",
        max_length=4096,
    ),
]
Timeout = Annotated[
    float | None,
    Field(
        description="Seconds after which the program is stopped; what was seen until then is kept. "
        "Default: 120, or what the gateway allows if that is less.",
        gt=0,
        le=86_400,
    ),
]
Stacks = Annotated[
    bool, Field(description="Keep call stacks: callers, callees and flame graphs need them.")
]
Repeat = Annotated[
    int | None,
    Field(
        description="Run the program this often in one process, for programs too short to sample. "
        "Default: once; a short snippet as often as about a second takes.",
        ge=1,
        le=1_000_000,
    ),
]
Stdin = Annotated[
    str | None, Field(description="What the program reads from standard input.", max_length=2**20)
]
Env = Annotated[
    dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")], Text] | None,
    Field(
        description="Environment variables of the program; nothing is inherited from the gateway, "
        "and those that change the loader, the interpreter or the profiler are refused.",
        max_length=100,
    ),
]
Tags = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]] | None,
    Field(description="Labels to find the profile by in list_profiles.", max_length=16),
]
Runs = Annotated[
    int,
    Field(
        description="Run both programs again, in pairs and without the profiler, this often "
        "before the first look: 0 (compare the profiles only) or 5 to 50; at least 8 are made.",
        ge=0,
        le=50,
    ),
]
MaxRuns = Annotated[
    int | None,
    Field(description="Runs of each program at most, where fewer leave it open.", ge=5, le=200),
]


_SHOWN_CHARACTERS = 2000
"""Of the code that a user is asked to confirm."""


class ProfiledRun(Model):
    """A program that was profiled, and the id to ask about it."""

    profile_id: str = Field(description="Give it to the other tools.")
    summary: ProfileSummary = Field(description="How the program ran and ended.")
    text_summary: str = Field(description="The run, its hottest lines and largest allocations.")

    def text(self) -> str:
        """The summary, and what to ask next."""
        return (
            f"{self.text_summary}\n\nprofile_id: {self.profile_id} "
            "(next: analyze_profile, get_cpu_hotspots, get_function_summary)"
        )


Run = Callable[[JobHandle], ProfileResult]


@toolset.tool(scope="tools:execute", annotations=EXECUTE, long_running=True)
async def profile_script(
    ctx: ToolContext,
    *,
    script_path: Annotated[
        str | None,
        Field(
            description="Path of the Python script, inside the gateway's roots; relative to the "
            "first root. Required unless module is given.",
            min_length=1,
            max_length=4096,
        ),
    ] = None,
    cpu_only: CpuOnly = False,
    include_memory: IncludeMemory = True,
    include_gpu: IncludeGpu = False,
    reduced_profile: Reduced = False,
    profile_only: Only = "",
    profile_exclude: Exclude = "",
    profile_all: All = False,
    use_virtual_time: VirtualTime = False,
    cpu_percent_threshold: CpuPercent = 1.0,
    malloc_threshold: Mallocs = 100,
    script_args: Args = None,
    module: Annotated[
        str | None,
        Field(
            description="Run this module (as python -m does, in the first root) instead of a "
            "script.",
            min_length=1,
            max_length=256,
        ),
    ] = None,
    python: Python = None,
    timeout_seconds: Timeout = None,
    stacks: Stacks = True,
    repeat: Repeat = None,
    stdin: Stdin = None,
    env: Env = None,
    tags: Tags = None,
) -> ProfiledRun:
    """Run a Python script under the profiler and store what each line cost.

    Use it on a program that takes at least some tenths of a second (shorter: set repeat). The
    script runs in a child process with limits on time, memory and processes, in a sandbox without
    network where there is one. Returns the profile_id that every other tool takes, how the program
    ended (a script that raised, exited or ran out of time still has a profile), its figures, and
    its hottest lines as text.
    """
    if (script_path is None) == (module is None):
        problem = (
            "is missing: give the path of a script (or 'module')"
            if module is None
            else "and 'module' exclude each other: give one of them"
        )
        raise invalid("profile_script", "script_path", problem)
    options = RunOptions(
        cpu_only=cpu_only,
        include_memory=include_memory,
        include_gpu=include_gpu,
        reduced_profile=reduced_profile,
        profile_only=profile_only,
        profile_exclude=profile_exclude,
        profile_all=profile_all,
        use_virtual_time=use_virtual_time,
        cpu_percent_threshold=cpu_percent_threshold,
        malloc_threshold=malloc_threshold,
        stacks=stacks,
        python=python,
        timeout_seconds=_timeout(ctx, "profile_script", timeout_seconds),
        repeat=repeat,
        stdin=stdin,
        env=env or {},
        args=tuple(script_args or ()),
    )
    profiler = ctx.services.get(ScaleneProfiler)

    def run(job: JobHandle) -> ProfileResult:
        if module is not None:
            return profiler.profile_module(
                module, options, cancel=job.cancel, on_progress=job.progress
            )
        return profiler.profile_script(
            script_path or "", options, cancel=job.cancel, on_progress=job.progress
        )

    return await _profile(ctx, "profile_script", run, tags)


@toolset.tool(scope="tools:execute", annotations=EXECUTE, long_running=True)
async def profile_code(
    ctx: ToolContext,
    *,
    code: Annotated[
        str, Field(description="Python source to run as a program.", min_length=1, max_length=10**6)
    ],
    cpu_only: CpuOnly = False,
    include_memory: IncludeMemory = True,
    include_gpu: IncludeGpu = False,
    reduced_profile: Reduced = False,
    script_args: Args = None,
    python: Python = None,
    timeout_seconds: Timeout = None,
    stacks: Stacks = True,
    repeat: Repeat = None,
    stdin: Stdin = None,
    env: Env = None,
    tags: Tags = None,
) -> ProfiledRun:
    """Run a piece of Python code under the profiler and store what each line cost.

    Use it to measure an idea without writing a file; its lines appear as code.py. Code that is too
    short to sample is run again and again for about a second. Everything else is as with
    profile_script. Off unless the gateway has a sandbox or its operator allowed it.
    """
    await _require_code(ctx, "profile_code", code)
    options = RunOptions(
        cpu_only=cpu_only,
        include_memory=include_memory,
        include_gpu=include_gpu,
        reduced_profile=reduced_profile,
        stacks=stacks,
        python=python,
        timeout_seconds=_timeout(ctx, "profile_code", timeout_seconds),
        repeat=repeat,
        stdin=stdin,
        env=env or {},
        args=tuple(script_args or ()),
    )
    profiler = ctx.services.get(ScaleneProfiler)

    def run(job: JobHandle) -> ProfileResult:
        return profiler.profile_code(code, options, cancel=job.cancel, on_progress=job.progress)

    return await _profile(ctx, "profile_code", run, tags)


@toolset.tool(scope="tools:execute", annotations=EXECUTE, long_running=True)
async def compare_profiles(
    ctx: ToolContext,
    *,
    before_id: ProfileId,
    after_id: ProfileId,
    runs_per_side: Runs = 0,
    max_runs_per_side: MaxRuns = None,
) -> Comparison:
    """Say whether a program became slower or faster between two profiles, and why.

    One profile a side is noisy: without re-runs only a change of more than 30 % is called one, and
    everything less is inconclusive. Set runs_per_side (5 or more) for a verdict that statistics
    carry: regression, improvement, no change or inconclusive; it runs both programs again, which
    takes as many times as long. Returns the verdict with its reason, CPU and wall-clock time with
    confidence intervals, the functions that changed (matched by name and code), memory, and what
    makes the two sides less comparable.
    """
    storage = ctx.services.get(ProfileStorage)
    profiler = ctx.services.get(ScaleneProfiler)
    policy = ctx.services.get(ProfilingPolicy)
    before = await asyncio.to_thread(load_with_raw, storage, before_id)
    after = await asyncio.to_thread(load_with_raw, storage, after_id)
    comparator = ProfileComparator(
        limits=profiler.limits,
        sandbox=profiler.sandboxed,
        roots=profiler.roots,
        budget_sec=policy.max_timeout_sec,
    )
    if runs_per_side == 0:
        return await asyncio.to_thread(comparator.compare, before, after)
    snippets = [each.target.source for each in (before, after) if each.target.kind == "code"]
    if snippets:
        await _require_code(ctx, "Running a snippet again", "\n".join(filter(None, snippets)))

    def run(job: JobHandle) -> Comparison:
        return comparator.compare(
            before,
            after,
            runs_per_side=runs_per_side,
            max_runs_per_side=max_runs_per_side,
            cancel=job.cancel,
            on_progress=job.progress,
        )

    return await ctx.run_job("compare_profiles", run)


async def _profile(ctx: ToolContext, kind: str, run: Run, tags: list[str] | None) -> ProfiledRun:
    """Run a profile as a job; it is stored by the job, so that a partial one survives a cancel."""
    storage = ctx.services.get(ProfileStorage)

    def work(job: JobHandle) -> ProfiledRun:
        result = run(job).model_copy(update={"tags": tuple(tags or ())})
        return ProfiledRun(
            profile_id=storage.store(result),
            summary=result.summary,
            text_summary=ProfileAnalyzer(result).overview(),
        )

    return await ctx.run_job(kind, work)


def _timeout(ctx: ToolContext, tool: str, asked: float | None) -> float:
    longest = ctx.services.get(ProfilingPolicy).max_timeout_sec
    if asked is None:
        return min(RunOptions().timeout_seconds, longest)
    if asked > longest:
        problem = f"is {asked:g}, and this gateway lets programs run for {longest:g} s at most"
        raise invalid(tool, "timeout_seconds", problem)
    return asked


async def _require_code(ctx: ToolContext, what: str, code: str) -> None:
    """See that ``code`` may run here, or that the user confirms that it shall.

    Raises:
        CodeExecutionDisabled: it may not, and nobody can be asked or they said no.
    """
    policy = ctx.services.get(ProfilingPolicy)
    if policy.allow_code:
        return
    shown = code[:_SHOWN_CHARACTERS]
    digest = sha256(code.encode("utf-8", "replace")).hexdigest()
    question = form(
        "Run this code without a sandbox? It can read and change whatever the gateway can. "
        f"({len(shown):,} of {len(code):,} characters are shown; SHA-256 {digest})\n\n{shown}",
        {
            "type": "object",
            "properties": {"run": {"type": "boolean", "title": "Run it", "default": False}},
            "required": ["run"],
        },
    )
    if not (policy.confirm_code and ctx.client.can(question)):
        raise _code_disabled(what)
    answer = (await ctx.client.ask({"run_code": question}))["run_code"]
    if (accepted(answer) or {}).get("run") is not True:
        raise CodeExecutionDisabled(f"{what}: the user did not confirm it, so nothing was run.")


def _code_disabled(what: str) -> CodeExecutionDisabled:
    return CodeExecutionDisabled(
        f"{what} is off: this gateway has no sandbox. Install bubblewrap on its machine, or start "
        "it with DYNOGATE_ALLOW_CODE=true where every caller is trusted."
    )

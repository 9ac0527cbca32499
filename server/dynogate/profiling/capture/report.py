"""From what one run left behind to its profile."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from dynogate.profiling.capture.attribution import MIN_SAMPLES, attribute, rename_lines, to_stacks
from dynogate.profiling.capture.launch import Capture, Ending
from dynogate.profiling.capture.line_sampler import RATE
from dynogate.profiling.capture.lines import build_files
from dynogate.profiling.capture.memory import attribute_memory
from dynogate.profiling.capture.outcome import End, named, read_end
from dynogate.profiling.capture.parser import ParsedProfile, ProfileParser, growth_rate
from dynogate.profiling.capture.samples import Samples, read_samples
from dynogate.profiling.capture.sources import SourceIndex
from dynogate.profiling.capture.supervised import CHILD
from dynogate.profiling.capture.targets import CODE_NAME, Runnable
from dynogate.profiling.models import (
    Environment,
    Gpu,
    Outcome,
    ProfileResult,
    ProfileSummary,
    RunOptions,
)

CROWDED = 0.3
"""Share of a run spent in the scheduler's queue from which shares deserve a warning."""

TOO_SHORT_SEC = 0.5
"""A run below this with hardly a sample is too short; a longer one was idle."""


def build_result(
    capture: Capture,
    runnable: Runnable,
    options: RunOptions,
    *,
    libraries: Sequence[Path],
    host: str,
) -> ProfileResult:
    """The profile of a run.

    Raises:
        BadScript, BadInterpreter, ScriptNotFound, NoProfileWritten: see ``read_end``.
    """
    is_profiled = file_filter(runnable, options, libraries)
    end = read_end(capture, runnable, is_profiled)
    scalene = ProfileParser().parse(capture.raw).only(is_profiled)
    documents = [capture.samples] if capture.samples else []
    samples = read_samples(documents, is_profiled)
    report = _Report(capture, runnable, options, end, scalene, samples)
    profile = attribute_memory(
        report.build(host),
        capture.memory,
        is_profiled=is_profiled,
        sources=report.sources,
        rename=report.rename,
    )
    return _with_growth(profile)


def _with_growth(profile: ProfileResult) -> ProfileResult:
    """The summary's memory figures, from the finest timeline there is.

    Scalene misses records where the machine is crowded, so its highest footprint may lie below
    one that was really seen.
    """
    timeline = profile.memory_timeline
    seen = [mb for _, mb in timeline]
    known = profile.summary.max_footprint_mb
    peak = max([*seen, known or 0.0]) if seen or known is not None else None
    figures = {"growth_rate_mb_per_sec": growth_rate(timeline), "max_footprint_mb": peak}
    return profile.model_copy(update={"summary": profile.summary.model_copy(update=figures)})


def file_filter(
    runnable: Runnable, options: RunOptions, libraries: Sequence[Path]
) -> Callable[[str], bool]:
    """Which files are reported line by line: Scalene's own rules, for py-spy's samples."""
    root = os.path.realpath(runnable.program_path)
    only = [part for part in options.profile_only.split(",") if part]
    without = [part for part in options.profile_exclude.split(",") if part]

    @cache
    def is_profiled(file: str) -> bool:
        if not file.startswith("/") or any(part in file for part in without):
            return False  # generated code, or a frame that was read while it changed
        if only and not any(part in file for part in only):
            return False
        real = Path(os.path.realpath(file))
        if real.parent == CHILD or real.parent.name == "scalene":
            return False
        if options.profile_all:
            return True
        return real.is_relative_to(root) and not any(
            real.is_relative_to(library) for library in libraries
        )

    return is_profiled


class _Report:
    def __init__(
        self,
        capture: Capture,
        runnable: Runnable,
        options: RunOptions,
        end: End,
        scalene: ParsedProfile,
        samples: Samples,
    ) -> None:
        self._capture = capture
        self._runnable = runnable
        self._options = options
        self._end = end
        self._scalene = scalene
        self._samples = samples
        self._uses_py_spy = samples.total >= MIN_SAMPLES
        self.rename = {runnable.argument: CODE_NAME} if runnable.kind == "code" else {}
        self.sources = self._sources()

    def build(self, host: str) -> ProfileResult:
        capture, scalene = self._capture, self._scalene
        sources, rename = self.sources, self.rename
        lines = rename_lines(scalene.lines.items(), rename)
        stacks = scalene.stacks
        if self._uses_py_spy:
            for key in list(self._samples.lines):
                if key[0] in rename:
                    self._samples.lines[rename[key[0]], key[1]] = self._samples.lines.pop(key)
            lines = attribute(self._samples, lines, sources)
            stacks = to_stacks(self._samples, self._seconds_per_sample(), rename, sources)
        texts = {(rename.get(file, file), n): text for (file, n), text in scalene.texts.items()}
        return ProfileResult(
            target=self._runnable.target,
            options=self._options,
            environment=self._environment(host),
            summary=self._summary(),
            line_sampler="py-spy" if self._uses_py_spy else "scalene",
            files=build_files(lines, sources, texts),
            stacks=stacks if self._options.stacks else (),
            memory_timeline=scalene.memory_timeline,
            gpu=Gpu(
                requested=self._options.include_gpu,
                seen=scalene.gpu.seen,
                device=scalene.gpu.device,
            ),
            stdout=named(capture.child.stdout, self._runnable),
            stderr=named(capture.child.stderr, self._runnable),
            raw=capture.raw,
        )

    def _sources(self) -> SourceIndex:
        source, argument = self._runnable.target.source, self._runnable.argument
        return SourceIndex({self.rename.get(argument, argument): source} if source else {})

    def _environment(self, host: str) -> Environment:
        about = self._capture.about
        return Environment(
            python=about.python if about else "unknown",
            python_version=about.python_version if about else "unknown",
            scalene_version=(about.scalene_version if about else None) or "unknown",
            platform=about.platform if about else "unknown",
            host=host,
            cpu_count=os.cpu_count(),
            sandboxed=self._capture.sandboxed,
        )

    def _summary(self) -> ProfileSummary:
        capture, scalene = self._capture, self._scalene
        ending = capture.ending
        elapsed = self._elapsed_sec()
        cpu_samples = self._samples.total if self._uses_py_spy else scalene.cpu_samples
        outcome = self._outcome(elapsed, cpu_samples)
        return ProfileSummary(
            outcome=outcome,
            exit_status=self._end.status,
            elapsed_time_sec=elapsed,
            cpu_time_sec=ending.cpu_sec if ending else None,
            max_footprint_mb=scalene.max_footprint_mb,
            growth_rate_mb_per_sec=None,
            cpu_samples=cpu_samples,
            alloc_samples=scalene.alloc_samples,
            repeats=max(1, ending.runs) if ending else 1,
            gpu_seen=scalene.gpu.seen,
            error=self._end.error,
            notes=tuple(self._notes(outcome, cpu_samples)),
        )

    def _elapsed_sec(self) -> float:
        """The program's own wall-clock time; the child's as a whole where it could not say."""
        ending = self._capture.ending
        if ending is not None:
            return ending.elapsed_sec
        return self._scalene.elapsed_sec or self._capture.child.elapsed_sec

    def _seconds_per_sample(self) -> float:
        """On a crowded machine a thread that waits for a CPU counts as running: no more than all.

        The child's CPU time is an upper bound (it includes the profiler's start); that of a
        killed child is not known.
        """
        if self._capture.ending is None:
            return 1 / RATE
        return min(1 / RATE, self._capture.child.cpu_sec / max(self._samples.total, 1))

    def _outcome(self, elapsed: float, cpu_samples: int) -> Outcome:
        seen = cpu_samples >= MIN_SAMPLES or self._scalene.alloc_samples > 0
        if self._end.outcome is Outcome.COMPLETED and not seen and elapsed < TOO_SHORT_SEC:
            return Outcome.TOO_SHORT
        return self._end.outcome

    def _notes(self, outcome: Outcome, cpu_samples: int) -> list[str]:
        capture = self._capture
        notes = list(self._end.notes)
        if outcome is Outcome.TOO_SHORT:
            notes.append(
                "The program ended before the samplers saw enough of it. Run it several times in "
                "one process with repeat=N (a few hundred for a program of milliseconds)."
            )
        elif cpu_samples < MIN_SAMPLES and self._end.outcome is Outcome.COMPLETED:
            notes.append("The program used hardly any CPU time: its lines' shares mean little.")
        if capture.sampler_problem is not None:
            notes.append(
                f"py-spy could not watch the program ({capture.sampler_problem}): lines are "
                "Scalene's, which are approximate within loops and recursion."
            )
        if self._scalene.empty and outcome is not Outcome.TOO_SHORT:
            reason = f" ({self._scalene.problem})" if self._scalene.problem else ""
            notes.append(f"Scalene wrote no profile{reason}: memory is unknown.")
        if capture.ending is not None:
            notes += self._run_notes(capture.ending)
        return notes

    def _run_notes(self, ending: Ending) -> list[str]:
        notes = []
        if ending.runs > 1:
            notes.append(
                f"Run {ending.runs} times in one process (imports happen once): "
                f"{1000 * ending.cpu_sec / ending.runs:.3g} ms of CPU time a run. "
                "Output is of the first run."
            )
        if ending.queued_sec > CROWDED * ending.elapsed_sec:
            notes.append(
                f"The machine was crowded: the program waited {ending.queued_sec:.1f} s of "
                f"{ending.elapsed_sec:.1f} s for a CPU, which shows on the lines it waited at, "
                "loop headers mostly. Lines with small shares may be off."
            )
        return notes

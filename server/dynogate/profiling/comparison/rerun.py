"""Running a profiled program again, without the profiler, under the conditions of its profile."""

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import msgspec

from dynogate.errors import DynogateError, NotComparable, ToolCancelled
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildEnd
from dynogate.jobs.limits import Limits
from dynogate.profiling.capture import targets
from dynogate.profiling.capture.interpreters import find_interpreter
from dynogate.profiling.capture.line_sampler import Sampling
from dynogate.profiling.capture.samples import RawFrame, read_samples
from dynogate.profiling.capture.supervised import (
    Supervised,
    Surroundings,
    decode,
    prepare,
    program_orders,
    supervise,
)
from dynogate.profiling.capture.targets import Runnable
from dynogate.profiling.comparison.verdict import Timing
from dynogate.profiling.models import Frame, ProfileResult, StackSample, Target

_ATTACH_SEC = 2.0
"""How long a sampled run waits for its sampler: without it the run is wasted."""


class SideName(StrEnum):
    """Which of the two programs."""

    BEFORE = "before"
    AFTER = "after"


class _Cost(msgspec.Struct):
    """What ``child/timed.py`` writes."""

    cpu_sec: float
    wall_sec: float
    queued_sec: float


def orders(pairs: int, generator: random.Random) -> Iterator[tuple[SideName, SideName]]:
    """Which side of each pair starts.

    Every two pairs are A B, B A or B A, A B by the throw of a coin: whatever drifts evenly
    (temperature, other load) hits both sides alike, and nothing periodic can fall in step.
    """
    for pair in range(pairs):
        if pair % 2 == 0:
            first = generator.choice(list(SideName))
        second = next(side for side in SideName if side is not first)
        yield (first, second) if pair % 2 == 0 else (second, first)


class Subject:
    """One side, ready to be run any number of times.

    Attributes:
        warnings: where it cannot be run exactly as it was.
    """

    def __init__(
        self,
        profile: ProfileResult,
        work: Path,
        *,
        limits: Limits,
        sandboxed: bool,
        roots: Sequence[Path] | None,
        repeat: int,
    ) -> None:
        """Check that the program can be run.

        Args:
            profile: what was run, and how.
            work: an empty folder of its own, which outlives it.
            limits: for each run; the profile's own time limit holds too.
            sandboxed: run it in a sandbox.
            roots: folders that the program must lie in; None allows any.
            repeat: how often one run repeats the program.

        Raises:
            NotComparable: its text is not known.
            DynogateError: its interpreter, script or folder is not to be had.
        """
        self._target = profile.target
        runnable, self._first_folder, self.warnings = _prepare(profile.target, work, roots)
        self._surroundings = Surroundings(
            runnable=runnable,
            options=profile.options.model_copy(update={"repeat": repeat}),
            interpreter=find_interpreter(profile.options.python),
            limits=limits,
            sandboxed=sandboxed,
            work=work,
        )
        self._runs = 0
        prepare(self._surroundings)

    @property
    def isolated(self) -> bool:
        """Whether a run can touch nothing that another subject's run could see."""
        return self._surroundings.sandboxed

    @property
    def time_limit_sec(self) -> float:
        """Seconds after which a run is stopped."""
        return self._surroundings.time_limit_sec

    def time(
        self, seed: int, cancel: CancelToken | None = None, processor: int | None = None
    ) -> Timing:
        """Run it once.

        Args:
            seed: for the order of sets of strings (``PYTHONHASHSEED``), unless the profile's
                options set it.
            cancel: ends the run.
            processor: the one that the program may use; None for any.

        Raises:
            ToolCancelled: ``cancel`` was called.
            NotComparable: the run was ended by a limit or a crash, or its clocks went wrong.
        """
        folder = self._folder()
        ran = self._run(folder, seed, None, cancel, processor)
        cost = decode(folder / "cost.json", _Cost)
        if cost is None:
            raise NotComparable(f"a run ended with status {ran.status} before it could be timed")
        wall_sec = cost.wall_sec - cost.queued_sec
        if min(cost.cpu_sec, wall_sec) <= 0:
            raise NotComparable("a run took no time by its own clocks; does the program set them?")
        return Timing(
            cpu_sec=cost.cpu_sec,
            wall_sec=wall_sec,
            queued_sec=cost.queued_sec,
            status=ran.status,
        )

    def sample(
        self, seed: int, sampling: Sampling, cancel: CancelToken | None = None
    ) -> tuple[StackSample, ...]:
        """Run it once under py-spy alone, which slows it by 4 % (measured).

        Args:
            seed: as in ``time``.
            sampling: how often, and what.
            cancel: ends the run.

        Raises:
            ToolCancelled: ``cancel`` was called.
            NotComparable: the run was ended by a limit, or could not be sampled.
        """
        ran = self._run(self._folder(), seed, sampling, cancel)
        if ran.samples is None:
            raise NotComparable(f"py-spy could not watch a run ({ran.sampler_problem})")
        samples = read_samples([ran.samples], lambda _: False)
        return tuple(
            StackSample(
                frames=tuple(self._frame(frame) for frame in stack),
                cpu_sec=count / sampling.rate,
                count=count,
            )
            for stack, count in samples.stacks.items()
        )

    def _frame(self, frame: RawFrame) -> Frame:
        is_main = frame.file == self._surroundings.runnable.argument
        file = self._target.name if is_main else frame.file
        return Frame(file=file, function=frame.function, lineno=frame.lineno)

    def _folder(self) -> Path:
        self._runs += 1
        folder = self._surroundings.work / f"run-{self._runs}"
        folder.mkdir()
        return folder

    def _run(
        self,
        folder: Path,
        seed: int,
        sampling: Sampling | None,
        cancel: CancelToken | None,
        processor: int | None = None,
    ) -> Supervised:
        surroundings = self._surroundings
        options = surroundings.options
        orders = {
            **program_orders(surroundings.runnable, options),
            "sys_path": [str(self._first_folder)],
            "output": str(folder / "cost.json"),
            "wait_sec": _ATTACH_SEC,
            "processor": processor,
        }
        seeded = {} if "PYTHONHASHSEED" in options.env else {"PYTHONHASHSEED": str(seed)}
        ran = supervise(
            surroundings,
            "timed.py",
            orders,
            folder,
            sampling=sampling,
            environment=seeded,
            cancel=cancel,
        )
        if ran.child.end is ChildEnd.CANCELLED:
            reason = cancel.reason if cancel else None
            raise ToolCancelled(f"the comparison was cancelled: {reason}")
        if ran.child.end is not ChildEnd.EXITED:
            raise NotComparable(f"a run without the profiler was stopped ({ran.child.end})")
        return ran


def _prepare(
    target: Target, work: Path, roots: Sequence[Path] | None
) -> tuple[Runnable, Path, tuple[str, ...]]:
    """How to run a target again: what, with which first folder of imports, and what to warn of."""
    if target.kind == "module":
        runnable = targets.module(target.name, roots)
        return runnable, runnable.cwd, (f"Module '{target.name}' was run as it is on disk today.",)
    if target.source is None:
        raise NotComparable(f"the text of '{target.name}' is not in its profile")
    if target.kind == "code" or target.path is None:
        runnable = targets.code(target.source, work / "code")
        return runnable, runnable.cwd, ()
    path = Path(target.path)
    with suppress(DynogateError):
        on_disk = targets.script(path, roots, check_syntax=False)
        if on_disk.target.sha256 == target.sha256:
            return on_disk, path.parent, ()
    return _from_text(target, path, target.source, work, roots)


def _from_text(
    target: Target, path: Path, source: str, work: Path, roots: Sequence[Path] | None
) -> tuple[Runnable, Path, tuple[str, ...]]:
    """The script as it was, from a copy, with its old folder for imports."""
    root = targets.containing_root(path, target.name, roots)
    folder = path.parent if path.parent.is_dir() else work
    runnable = Runnable(
        target=target,
        kind="script",
        argument=str(work / "code" / path.name),
        cwd=folder,
        program_path=root if root is not None else folder,
        text=source,
    )
    warning = (
        f"'{target.name}' has changed or is gone since it was profiled: a copy of the text in its "
        "profile was run; what it imports comes from today's files."
    )
    return runnable, folder, (warning,)

"""The experiment behind a verdict: two programs run in pairs until the pairs tell them apart."""

import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from dynogate.jobs.cancel import CancelToken
from dynogate.profiling.capture.line_sampler import Sampling
from dynogate.profiling.comparison.models import MeasureName, Verdict
from dynogate.profiling.comparison.rerun import SideName, Subject, orders
from dynogate.profiling.comparison.verdict import Judgement, Timing, judge, looks
from dynogate.profiling.models import StackSample

Stacks = Sequence[StackSample]
Progress = Callable[[float, float | None, str], None]

SAMPLED_RUNS = 3
"""Sampled runs a side in one round of attribution."""

_SAMPLES_PER_RUN = 600
_RATES = (20, 500)
"""Slowest and fastest sampling: above 500 a second py-spy falls behind on a busy machine."""

_ONE_PROCESSOR = 1.1
"""CPU seconds per second up to which a program is held to use one processor at a time."""

_ROOM = 3.0
"""How much longer than a run alone one beside another may take: twice, and some."""


@dataclass(slots=True)
class Runs:
    """What the runs of both sides cost; those at the same position are a pair."""

    timings: dict[SideName, list[Timing]] = field(
        default_factory=lambda: {side: [] for side in SideName}
    )

    def __len__(self) -> int:
        """Pairs, that is runs of each side."""
        return len(self.timings[SideName.BEFORE])

    def judge(self, alpha: float) -> Judgement:
        """The verdict as of now."""
        return judge(self.timings[SideName.BEFORE], self.timings[SideName.AFTER], alpha)

    def statuses(self, side: SideName) -> set[int]:
        """Every exit status seen on one side."""
        return {timing.status for timing in self.timings[side]}


class Experiment:
    """Runs two subjects in pairs, first to time them, then to see where their time goes.

    Other tenants of a machine make the same code cost half as much again from one moment to the
    next. Two programs that share one processor in turns of a few milliseconds suffer the same, so
    that their ratio stays true: "duet benchmarking" (Bulej and others, ICPE 2020), here on one
    processor. It needs programs that cannot disturb each other and use one processor each; others
    run one after the other.

    Attributes:
        together: whether the two runs of a pair run at once; known after the warm-up.
    """

    def __init__(
        self,
        subjects: Mapping[SideName, Subject],
        *,
        budget_sec: float,
        cancel: CancelToken | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        """``budget_sec``: no round is begun that would end after this many seconds."""
        self._subjects = subjects
        self._cancel = cancel
        self._on_progress = on_progress
        self._deadline = time.monotonic() + budget_sec
        self._order = random.Random(0)  # noqa: S311  (the same order each time: no secret)
        self._done = 0
        self._longest_pair_sec = 0.0
        self.together = False
        self.runs = Runs()

    def decide(self, first: int, most: int) -> Judgement:
        """Time pairs until the verdict is clear, ``most`` pairs are made or time is up.

        Args:
            first: pairs before the first look at the data.
            most: pairs at most.
        """
        self._warm_up()
        judgement = None
        for size, alpha in looks(first, most):
            if judgement is not None and not self.affordable(size - len(self.runs)):
                break
            for order in orders(size - len(self.runs), self._order):
                self._report(size, f"timing both programs{' together' * self.together}")
                started = time.monotonic()
                self._time_pair(order)
                took = time.monotonic() - started
                self._longest_pair_sec = max(self._longest_pair_sec, took)
            judgement = self.runs.judge(alpha)
            if judgement.verdict is not Verdict.INCONCLUSIVE:
                break
        assert judgement is not None  # there is always a first look
        return judgement

    def _warm_up(self) -> None:
        """One run a side, which fills the disk cache, is not counted, and shows how to pair."""
        alone = {side: self._subjects[side].time(0, self._cancel) for side in SideName}
        self.together = hasattr(os, "sched_setaffinity") and all(
            subject.isolated
            and alone[side].cpu_sec <= _ONE_PROCESSOR * alone[side].wall_sec
            and alone[side].wall_sec * _ROOM < subject.time_limit_sec
            for side, subject in self._subjects.items()
        )

    def _time_pair(self, order: tuple[SideName, SideName]) -> None:
        seed = len(self.runs)
        if not self.together:
            for side in order:
                timing = self._subjects[side].time(seed, self._cancel)
                self.runs.timings[side].append(timing)
            return
        processors = sorted(os.sched_getaffinity(0))
        processor = processors[seed % len(processors)]
        with ThreadPoolExecutor(len(order)) as pool:
            running = {
                side: pool.submit(self._subjects[side].time, seed, self._cancel, processor)
                for side in order
            }
        timings = {side: run.result() for side, run in running.items()}
        for side, timing in timings.items():
            self.runs.timings[side].append(timing)

    def sample(self, judgement: Judgement) -> Mapping[SideName, list[Stacks]]:
        """One more round of sampled runs of both sides, interleaved: the stacks of each run."""
        seconds = min(judgement.measure.before_sec, judgement.measure.after_sec)
        low, high = _RATES
        sampling = Sampling(
            rate=round(min(max(_SAMPLES_PER_RUN / seconds, low), high)),
            idle=judgement.decided_by is MeasureName.WALL,
        )
        stacks: dict[SideName, list[Stacks]] = {side: [] for side in SideName}
        for seed, order in enumerate(orders(SAMPLED_RUNS, self._order)):
            for side in order:
                self._report(None, f"sampling the program {side}")
                stacks[side].append(self._subjects[side].sample(seed, sampling, self._cancel))
        return stacks

    def affordable(self, pairs: int) -> bool:
        """Whether ``pairs`` more pairs fit in what is left of the budget."""
        return time.monotonic() + pairs * self._longest_pair_sec < self._deadline

    def _report(self, total: float | None, message: str) -> None:
        if self._on_progress is not None:
            self._on_progress(self._done, total, message)
        self._done += 1

"""The experiment behind a verdict: two programs run in turn until the runs tell them apart."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dynogate.jobs.cancel import CancelToken
from dynogate.profiling.comparison import MeasureName, Verdict
from dynogate.profiling.line_sampler import Sampling
from dynogate.profiling.models import StackSample
from dynogate.profiling.rerun import SideName, Subject, schedule
from dynogate.profiling.verdict import Judgement, Timing, judge, looks

Stacks = Sequence[StackSample]
Progress = Callable[[float, float | None, str], None]

SAMPLED_RUNS = 3
"""Sampled runs a side in one round of attribution."""

_SAMPLES_PER_RUN = 600
_RATES = (20, 500)
"""Slowest and fastest sampling: above 500 a second py-spy falls behind on a busy machine."""


@dataclass(slots=True)
class Runs:
    """What the runs of both sides cost, in the order they were made."""

    timings: dict[SideName, list[Timing]] = field(
        default_factory=lambda: {side: [] for side in SideName}
    )

    def __len__(self) -> int:
        """Runs of each side."""
        return len(self.timings[SideName.BEFORE])

    def judge(self, alpha: float) -> Judgement:
        """The verdict as of now."""
        return judge(self.timings[SideName.BEFORE], self.timings[SideName.AFTER], alpha)

    def statuses(self, side: SideName) -> set[int]:
        """Every exit status seen on one side."""
        return {timing.status for timing in self.timings[side]}


class Experiment:
    """Runs two subjects in turn, first to time them, then to see where their time goes."""

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
        self.runs = Runs()

    def decide(self, first: int, most: int) -> Judgement:
        """Time both sides until the verdict is clear, ``most`` runs are made or time is up.

        Args:
            first: runs a side before the first look at the data.
            most: runs a side at most.
        """
        for side in SideName:  # fills the disk cache; not counted
            self._subjects[side].time(0, self._cancel)
        judgement = None
        for size, alpha in looks(first, most):
            if judgement is not None and not self.affordable(size - len(self.runs)):
                break
            started = len(self.runs)
            for side, block in schedule(size - started, self._order):
                self._report(2 * size, f"timing the program {side}")
                timing = self._subjects[side].time(started + block, self._cancel)
                self.runs.timings[side].append(timing)
            judgement = self.runs.judge(alpha)
            if judgement.verdict is not Verdict.INCONCLUSIVE:
                break
        assert judgement is not None  # there is always a first look
        return judgement

    def sample(self, judgement: Judgement) -> Mapping[SideName, list[Stacks]]:
        """One more round of sampled runs of both sides, interleaved: the stacks of each run."""
        seconds = min(judgement.measure.before_sec, judgement.measure.after_sec)
        low, high = _RATES
        sampling = Sampling(
            rate=round(min(max(_SAMPLES_PER_RUN / seconds, low), high)),
            idle=judgement.decided_by is MeasureName.WALL,
        )
        stacks: dict[SideName, list[Stacks]] = {side: [] for side in SideName}
        for side, block in schedule(SAMPLED_RUNS, self._order):
            self._report(None, f"sampling the program {side}")
            stacks[side].append(self._subjects[side].sample(block, sampling, self._cancel))
        return stacks

    def affordable(self, runs: int) -> bool:
        """Whether ``runs`` more runs a side fit in what is left of the budget."""
        sides = self.runs.timings.values()
        per_run = [run.wall_sec + run.queued_sec for side in sides for run in side]
        return time.monotonic() + 2 * runs * max(per_run) < self._deadline

    def _report(self, total: float | None, message: str) -> None:
        if self._on_progress is not None:
            self._on_progress(self._done, total, message)
        self._done += 1

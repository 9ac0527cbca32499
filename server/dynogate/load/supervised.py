"""A planned load test in a child process with limits; nothing of it is left when this returns."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from dynogate.errors import (
    NothingMeasured,
    TargetUnreachable,
    ToolCancelled,
    ToolError,
    ToolTimedOut,
)
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildEnd, ChildResult, ChildSpec, run_child
from dynogate.jobs.limits import Limits
from dynogate.jobs.scratch import scratch_dir
from dynogate.load.allowed import AllowedTargets
from dynogate.load.outcome import PROBLEM, PROGRESS, RESULT, Problem, Result, Standing
from dynogate.load.plan import Bounds, Plan

OnProgress = Callable[[float, float | None, str], None]
_Record = TypeVar("_Record", Standing, Problem, Result)

_MARGIN_SEC = 45.0
"""For starting, meeting the server (10 s at most), and the report."""
_INHERITED = ("PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that a test needs of the gateway's environment; its credentials are not its business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRunner:
    """Runs load tests as this gateway's operator allows.

    Attributes:
        allowed: which servers may be loaded.
        bounds: how much.
        limits: of the child process; the time limit is that of the plan.
    """

    allowed: AllowedTargets
    bounds: Bounds
    limits: Limits

    def run(
        self,
        plan: Plan,
        *,
        cancel: CancelToken | None = None,
        on_progress: OnProgress | None = None,
    ) -> Result:
        """Run a plan that was checked, against a target that was admitted.

        A test that is cancelled still has a result where anything was measured.

        Args:
            plan: what to do.
            cancel: ends it early.
            on_progress: is told seconds of load, their total, and how it goes.

        Raises:
            TargetUnreachable: nothing answers there.
            ToolError: the plan cannot be carried out.
            ToolCancelled: it was cancelled before anything was measured.
            ToolTimedOut: it took far longer than it should have, and left nothing.
            NothingMeasured: it was ended by a limit, or died, before it had a result.
        """
        with scratch_dir() as work:

            def tell(_: float) -> None:
                standing = _read(work / PROGRESS, Standing)
                if on_progress is not None and standing is not None:
                    on_progress(standing.done, plan.duration, standing.message)

            child = run_child(_spec(plan, work, self.limits), cancel=cancel, on_tick=tell)
            result = _read(work / RESULT, Result)
            if result is not None:
                return result
            raise _error(_read(work / PROBLEM, Problem), child)


def _spec(plan: Plan, work: Path, limits: Limits) -> ChildSpec:
    whole = plan.duration + plan.step + plan.target.timeout + _MARGIN_SEC
    return ChildSpec(
        argv=(sys.executable, "-m", "dynogate.load.planned"),
        cwd=work,
        env={
            "HOME": str(work),
            "TMPDIR": str(work),
            "LANG": "C.UTF-8",
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        },
        stdin=msgspec.json.encode(plan),
        limits=replace(
            limits, timeout_sec=whole, processes=limits.processes + (os.cpu_count() or 1)
        ),
    )


def _read(path: Path, kind: type[_Record]) -> _Record | None:
    """A file that the child left, or None."""
    with suppress(FileNotFoundError):
        return msgspec.json.decode(path.read_bytes(), type=kind)
    return None


def _error(problem: Problem | None, child: ChildResult) -> Exception:
    if problem is not None and problem.kind == "unreachable":
        return TargetUnreachable(problem.message)
    if problem is not None and problem.kind == "invalid":
        return ToolError(problem.message)
    if child.end is ChildEnd.CANCELLED:
        return ToolCancelled("the load test was cancelled before anything was measured")
    if child.end is ChildEnd.TIMED_OUT:
        return ToolTimedOut(f"the load test did not end in {child.elapsed_sec:.0f} s")
    if child.end is not ChildEnd.EXITED:
        what = child.end.value.replace("_", " ")
        return NothingMeasured(f"the load test was stopped ({what}) before it had a result")
    if problem is not None:
        return NothingMeasured(f"the load test has no result: {problem.message}")
    if child.returncode < 0:
        return NothingMeasured(f"the load test was killed by signal {-child.returncode}")
    return RuntimeError(f"a load test failed ({child.returncode}): {child.stderr[-2000:]}")

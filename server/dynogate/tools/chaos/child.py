"""``python -m chaos`` in a child process: it starts gateways of its own, and undoes its faults.

The child is asked to stop by a signal to itself alone, so that it can roll back while the servers
that it started still run; only where that takes too long is its whole tree ended.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from dynogate.errors import ToolCancelled, ToolError, ToolTimedOut
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildEnd, ChildResult, ChildSpec, run_child
from dynogate.jobs.limits import Limits
from dynogate.jobs.scratch import scratch_dir
from dynogate.tools.chaos.models import Experiment, Experiments

ROLLBACK_SEC = 20.0
"""How long an experiment that is asked to stop may take to undo its faults."""

MAX_REPORT_BYTES = 16 * 2**20

_LISTING = Limits(timeout_sec=20.0, memory_mb=1024, output_bytes=2**20)
_REPORTED = (0, 1, 3)  # exit status: all green, one is red, one was not run to its end
_SHOWN_CHARACTERS = 2000
_LISTED = TypeAdapter(tuple[Experiment, ...])
_PASSED_ON = ("HOME", "LANG", "TMPDIR")


def list_experiments(root: Path, cancel: CancelToken) -> Experiments:
    """The experiments of the checkout ``root``.

    Raises:
        ToolError: it cannot be known which there are.
    """
    ended = run_child(_spec(root, ["list", "--json"], _LISTING), cancel=cancel)
    if ended.end is not ChildEnd.EXITED or ended.returncode:
        raise _failed("the chaos experiments cannot be listed", ended)
    return Experiments(experiments=_LISTED.validate_json(ended.stdout))


def run_experiment(
    name: str,
    *,
    root: Path,
    limits: Limits,
    cancel: CancelToken,
    on_tick: Callable[[float], None],
) -> bytes:
    """Run one experiment of the checkout ``root``.

    Args:
        name: of an experiment that there is.
        limits: of all its processes together; ``timeout_sec`` without the time to roll back.
        on_tick: called a few times a second with the seconds since the start.

    Returns:
        Its report (JSON), whatever the verdict.

    Raises:
        ToolCancelled: it was cancelled; nothing of it is left.
        ToolTimedOut: it did not end in time; nothing of it is left.
        ToolError: it left no report.
    """
    with scratch_dir() as scratch:
        report = scratch / "report.json"
        stop = _Stop(cancel, limits.timeout_sec)

        def look(elapsed_sec: float) -> None:
            stop.look(elapsed_sec)
            on_tick(elapsed_sec)

        bounds = replace(limits, timeout_sec=limits.timeout_sec + ROLLBACK_SEC)
        ended = run_child(
            _spec(root, ["run", name, "--json", str(report)], bounds),
            cancel=stop.at_once,
            on_start=stop.started,
            on_tick=look,
        )
        if cancel.cancelled:
            raise ToolCancelled(f"the experiment {name!r} was cancelled; nothing of it is left")
        if stop.asked_at is not None:
            raise ToolTimedOut(
                f"the experiment {name!r} did not end within {limits.timeout_sec:g} s "
                "(DYNOGATE_JOB_TIMEOUT_SEC); nothing of it is left"
            )
        if ended.returncode not in _REPORTED or not report.is_file():
            raise _failed(f"the experiment {name!r} left no report", ended)
        if report.stat().st_size > MAX_REPORT_BYTES:
            raise ToolError(f"the report of {name!r} is larger than {MAX_REPORT_BYTES >> 20} MiB")
        return report.read_bytes()


class _Stop:
    """Asks the child to stop once it is cancelled or its time is over, and at last has it killed.

    Attributes:
        at_once: has the whole tree ended.
        asked_at: when the child was asked (``time.monotonic()``); None while it was not.
    """

    def __init__(self, cancel: CancelToken, timeout_sec: float) -> None:
        self.at_once = CancelToken()
        self.asked_at: float | None = None
        self._cancel = cancel
        self._timeout_sec = timeout_sec
        self._pid: int | None = None

    def started(self, pid: int) -> None:
        """The child is there."""
        self._pid = pid

    def look(self, elapsed_sec: float) -> None:
        """See whether it has to stop; called a few times a second, while it is supervised."""
        now = time.monotonic()
        if self.asked_at is not None:
            if now - self.asked_at > ROLLBACK_SEC:
                self.at_once.cancel("it did not roll back in time")
        elif self._pid and (self._cancel.cancelled or elapsed_sec > self._timeout_sec):
            self.asked_at = now
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)


def _spec(root: Path, arguments: list[str], limits: Limits) -> ChildSpec:
    """The command; it gets none of our settings, for its gateways have their own."""
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    return ChildSpec(
        argv=(sys.executable, "-m", "chaos", *arguments), cwd=root, env=env, limits=limits
    )


def _failed(what: str, ended: ChildResult) -> ToolError:
    how = ended.end if ended.end is not ChildEnd.EXITED else f"exit status {ended.returncode}"
    said = ended.stderr.strip()[-_SHOWN_CHARACTERS:] or "it said nothing"
    return ToolError(f"{what} ({how}): {said}")

"""One experiment in a child process, which starts a gateway of its own and undoes its faults.

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

from dynogate.errors import ToolCancelled, ToolError, ToolTimedOut
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildResult, ChildSpec, run_child
from dynogate.jobs.limits import Limits
from dynogate.jobs.scratch import scratch_dir

ROLLBACK_SEC = 20.0
"""How long an experiment that is asked to stop may take to undo its faults."""

MAX_REPORT_BYTES = 16 * 2**20

_JUDGED = (0, 1)  # exit status: all green, not all green
_SHOWN_CHARACTERS = 2000
_PASSED_ON = ("HOME", "LANG", "SSL_CERT_FILE")


def run_experiment(
    name: str,
    *,
    root: Path,
    limits: Limits,
    cancel: CancelToken,
    on_tick: Callable[[float], None],
) -> bytes:
    """Run the experiment ``name`` of the checkout ``root``.

    Args:
        limits: of all its processes together; ``timeout_sec`` without the time to roll back.
        on_tick: called a few times a second with the seconds since the start.

    Returns:
        Its report (JSON), whatever the verdict.

    Raises:
        ToolCancelled: it was cancelled; nothing of it is left.
        ToolTimedOut: it did not end in time; nothing of it is left.
        ToolError: it could not be run or judged.
    """
    with scratch_dir() as scratch:
        report = scratch / "report.json"
        stop = _Stop(cancel, limits.timeout_sec)

        def look(elapsed_sec: float) -> None:
            stop.look(elapsed_sec)
            on_tick(elapsed_sec)

        ended = run_child(
            ChildSpec(
                argv=(sys.executable, "-m", "chaos", "run", name, "--json", str(report)),
                cwd=root,
                env=_environment(scratch),
                limits=replace(limits, timeout_sec=limits.timeout_sec + ROLLBACK_SEC),
            ),
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
        if ended.returncode not in _JUDGED or not report.is_file():
            raise _not_judged(name, ended)
        return _read(report)


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
        """See whether it has to stop; called a few times a second, while it is not reaped."""
        now = time.monotonic()
        if self.asked_at is not None:
            if now - self.asked_at > ROLLBACK_SEC:
                self.at_once.cancel("it did not roll back in time")
        elif self._pid and (self._cancel.cancelled or elapsed_sec > self._timeout_sec):
            self.asked_at = now
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)


def _environment(scratch: Path) -> dict[str, str]:
    """What the child needs of ours; none of our settings, for its gateways have their own."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    programs = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": programs, "TMPDIR": str(scratch)}


def _not_judged(name: str, ended: ChildResult) -> ToolError:
    said = ended.stderr.strip()[-_SHOWN_CHARACTERS:] or "it said nothing"
    how = ended.end if ended.end != "exited" else f"exit status {ended.returncode}"
    return ToolError(f"the experiment {name!r} could not be run or judged ({how}): {said}")


def _read(report: Path) -> bytes:
    size = report.stat().st_size
    if size > MAX_REPORT_BYTES:
        raise ToolError(f"the report has {size:,} bytes; {MAX_REPORT_BYTES:,} are kept at most")
    return report.read_bytes()

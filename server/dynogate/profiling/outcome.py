"""How a run ended, in the words of a profile."""

import re
import signal
from dataclasses import dataclass

from dynogate.errors import BadInterpreter, NoProfileWritten, ScriptNotFound
from dynogate.jobs.child import ChildEnd
from dynogate.profiling.interpreters import SCALENE_VERSION
from dynogate.profiling.launch import Capture, RaisedError
from dynogate.profiling.models import Outcome, ScriptError
from dynogate.profiling.targets import CODE_NAME, Runnable, bad_syntax

_BY_END = {
    ChildEnd.TIMED_OUT: Outcome.TIMED_OUT,
    ChildEnd.CANCELLED: Outcome.CANCELLED,
    ChildEnd.MEMORY_EXCEEDED: Outcome.LIMIT_EXCEEDED,
    ChildEnd.PROCESSES_EXCEEDED: Outcome.LIMIT_EXCEEDED,
}
_LIMIT_NAMES = {
    ChildEnd.MEMORY_EXCEEDED: "memory",
    ChildEnd.PROCESSES_EXCEEDED: "number of processes",
}
_CRASH_PLACE = re.compile(r'  File "(?P<file>.+)", line (?P<lineno>\d+) in (?P<function>.+)')


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the program ended.

    Attributes:
        status: exit code, or the negative signal number.
        notes: what a reader should know about it.
    """

    outcome: Outcome
    status: int
    error: ScriptError | None = None
    notes: tuple[str, ...] = ()


def read_end(capture: Capture, runnable: Runnable) -> End:
    """How the program ended.

    Raises:
        BadScript: the target interpreter could not compile it.
        BadInterpreter: it has no Scalene.
        ScriptNotFound: the module does not exist.
        NoProfileWritten: the interpreter did not get as far as the program.
    """
    _refuse_what_never_ran(capture, runnable)
    child, ending = capture.child, capture.ending
    status = capture.status
    if ending is not None and ending.status is not None:
        status = ending.status
    if child.end in _BY_END:
        return End(outcome=_BY_END[child.end], status=capture.status, notes=(_partial(capture),))
    error = _script_error(ending.error, runnable) if ending and ending.error else None
    if status < 0 or ending is None:
        return _crash(capture, runnable, status)
    outcome = Outcome.FAILED if status != 0 else Outcome.COMPLETED
    notes = (_leftovers(child.leftovers),) if child.leftovers else ()
    return End(outcome=outcome, status=status, error=error, notes=notes)


def _refuse_what_never_ran(capture: Capture, runnable: Runnable) -> None:
    ending = capture.ending
    if ending is not None and ending.how == "no_scalene":
        python = capture.about.python if capture.about else "python"
        raise BadInterpreter(
            f"Scalene cannot be imported by '{python}' ({ending.message}). "
            f"Run: {python} -m pip install scalene=={SCALENE_VERSION}"
        )
    if ending is not None and ending.how == "no_module":
        raise ScriptNotFound(f"Module '{runnable.target.name}' cannot be run: {ending.message}")
    if ending is not None and ending.how == "bad_script" and ending.error:
        error = ending.error
        raise bad_syntax(error.file or runnable.argument, error.lineno, error.message, error.text)
    if capture.about is None and capture.child.end is ChildEnd.EXITED:
        tail = capture.child.stderr.strip()[-2000:]
        raise NoProfileWritten(
            f"The interpreter ended with status {capture.status} before the program "
            f"started. It said: {tail or 'nothing'}"
        )


def _partial(capture: Capture) -> str:
    child = capture.child
    if child.end is ChildEnd.TIMED_OUT:
        what = f"Stopped at its time limit after {child.elapsed_sec:.1f} s"
    elif child.end is ChildEnd.CANCELLED:
        what = f"Cancelled after {child.elapsed_sec:.1f} s"
    else:
        what = (
            f"Stopped over its limit of {_LIMIT_NAMES[child.end]} ({child.max_rss_mb:.0f} MB used)"
        )
    return f"{what}: the profile covers the time until then."


def _leftovers(count: int) -> str:
    return f"{count} process(es) that the program had left running were ended."


def _crash(capture: Capture, runnable: Runnable, status: int) -> End:
    """Ended by a signal, or in a way that ran none of our code any more."""
    name = _signal_name(status)
    place = _CRASH_PLACE.search(capture.crash)
    error = ScriptError(
        type=name,
        message=capture.crash.splitlines()[0] if capture.crash else f"ended by {name}",
        traceback=_named(capture.crash, runnable),
        file=_named(place["file"], runnable) if place else None,
        lineno=int(place["lineno"]) if place else None,
    )
    return End(
        outcome=Outcome.CRASHED,
        status=status,
        error=error,
        notes=(f"The program was ended by {name}: the profile covers the time until then.",),
    )


def _signal_name(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _script_error(error: RaisedError, runnable: Runnable) -> ScriptError:
    return ScriptError(
        type=error.type,
        message=error.message,
        traceback=_named(error.traceback, runnable),
        file=_named(error.file, runnable) if error.file else None,
        lineno=error.lineno,
    )


def _named(text: str, runnable: Runnable) -> str:
    """A snippet goes by its stable name, not by where it lay for this run."""
    return text.replace(runnable.argument, CODE_NAME) if runnable.kind == "code" else text

"""How a run ended, in the words of a profile."""

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass

from dynogate.errors import BadInterpreter, NoProfileWritten, ScriptNotFound
from dynogate.jobs.child import ChildEnd
from dynogate.profiling.capture.interpreters import SCALENE_VERSION
from dynogate.profiling.capture.launch import Capture, RaisedError
from dynogate.profiling.capture.supervised import CHILD
from dynogate.profiling.capture.targets import CODE_NAME, Runnable, bad_syntax
from dynogate.profiling.models import Outcome, ScriptError

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
_CHILD_FOLDER = str(CHILD)
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


def read_end(capture: Capture, runnable: Runnable, is_profiled: Callable[[str], bool]) -> End:
    """How the program ended; an error's place is its innermost frame in a profiled file.

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
    if status < 0 or ending is None:
        return _crash(capture, runnable, status, is_profiled)
    error = _script_error(ending.error, runnable, is_profiled) if ending.error else None
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
    if ending is not None and ending.how == "no_module" and ending.error:
        raise ScriptNotFound(
            f"Module '{runnable.target.name}' cannot be run: {ending.error.message}."
        )
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
    if not capture.started:
        return f"{what}, before the program got going: interpreter and profiler start within it."
    return f"{what}: the profile covers the time until then."


def _leftovers(count: int) -> str:
    return f"{count} process(es) that the program had left running were ended."


def _crash(
    capture: Capture, runnable: Runnable, status: int, is_profiled: Callable[[str], bool]
) -> End:
    """Ended by a signal, or in a way that ran none of our code any more."""
    name = _signal_name(status)
    headline, frames = _fault(capture.crash)
    found = filter(None, map(_CRASH_PLACE.match, frames))
    places = [(match["file"], int(match["lineno"])) for match in found]
    file, lineno = _innermost(places, is_profiled)
    error = ScriptError(
        type=name,
        message=headline or f"ended by {name}",
        traceback=named("\n".join([headline, *frames]), runnable),
        file=named(file, runnable) if file else None,
        lineno=lineno,
    )
    return End(
        outcome=Outcome.CRASHED,
        status=status,
        error=error,
        notes=(f"The program was ended by {name}: the profile covers the time until then.",),
    )


def _fault(text: str) -> tuple[str, list[str]]:
    """What the fault handler wrote: its headline, and the program's frames, innermost first."""
    lines = text.splitlines()
    frames: list[str] = []
    for line in lines:
        if _CHILD_FOLDER in line:
            break
        if _CRASH_PLACE.match(line):
            frames.append(line)
    return lines[0] if lines else "", frames


def _signal_name(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _script_error(
    error: RaisedError, runnable: Runnable, is_profiled: Callable[[str], bool]
) -> ScriptError:
    file, lineno = _innermost(error.places[::-1], is_profiled)
    if lineno is None or error.file is not None:
        file, lineno = error.file, error.lineno
    return ScriptError(
        type=error.type,
        message=error.message,
        traceback=named(error.traceback, runnable),
        file=named(file, runnable) if file else None,
        lineno=lineno,
    )


def _innermost(
    places: list[tuple[str, int]], is_profiled: Callable[[str], bool]
) -> tuple[str | None, int | None]:
    """The first place (innermost first) in a profiled file, else the first of all."""
    own = [place for place in places if is_profiled(place[0])]
    return next(iter(own or places), (None, None))


def named(text: str, runnable: Runnable) -> str:
    """A snippet goes by its stable name, not by where it lay for this run."""
    return text.replace(runnable.argument, CODE_NAME) if runnable.kind == "code" else text

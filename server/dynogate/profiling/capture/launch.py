"""One run of one program under Scalene: the orders for the child, and what came back."""

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildResult
from dynogate.profiling.capture.interpreters import Interpreter
from dynogate.profiling.capture.line_sampler import Sampling, find_py_spy
from dynogate.profiling.capture.supervised import (
    CHILD,
    Surroundings,
    decode,
    prepare,
    program_orders,
    read,
    supervise,
)
from dynogate.profiling.capture.targets import Runnable
from dynogate.profiling.models import RunOptions

_ATTACH_SEC = 2.0
"""How long a program waits at most for its sampler, which starts while Scalene is imported and is
ready first unless the machine is crowded."""

_SAMPLING_WINDOW = 1048576
_MEMORY_FILE_MB = 300
"""libscalene's own sample file is a 256 MB hole; a lower file size limit would break it."""

_SCALENE_FILE = re.compile(r"scalene-(?:malloc|memcpy)-(?:signal|lock|init)(\d+)")


class About(msgspec.Struct):
    """What the child says about its interpreter before the program starts."""

    python: str
    python_version: str
    platform: str
    scalene_version: str | None


class RaisedError(msgspec.Struct):
    """An exception as the child recorded it; ``file`` and ``lineno`` are a syntax error's."""

    type: str
    message: str
    traceback: str
    file: str | None
    lineno: int | None
    text: str | None
    places: list[tuple[str, int]]


class Ending(msgspec.Struct):
    """What the child says about the program's end; ``how`` is "started" until then."""

    how: str
    status: int | None = None
    runs: int = 0
    error: RaisedError | None = None
    cpu_sec: float = 0.0
    elapsed_sec: float = 0.0
    queued_sec: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Everything one run left behind, read into memory; its files are gone.

    Attributes:
        started: whether the run got as far as the program.
        ending: how the program ended; None where it was killed.
        status: the program's exit status, the negative signal number where a signal ended it.
        samples: py-spy's document, or None and the reason in ``sampler_problem``.
        crash: what the fault handler wrote; empty where nothing crashed.
        memory: what the memory recorder wrote, or None.
    """

    child: ChildResult
    status: int
    about: About | None
    started: bool
    ending: Ending | None
    raw: bytes
    samples: bytes | None
    sampler_problem: str | None
    crash: str
    memory: bytes | None
    sandboxed: bool


def run(
    surroundings: Surroundings,
    *,
    cancel: CancelToken | None = None,
    on_tick: Callable[[float], None] | None = None,
) -> Capture:
    """Run the program under Scalene and py-spy and wait for its end.

    ``surroundings.work`` is an empty folder of this run alone; the program may do to it what it
    likes.
    """
    work, options = surroundings.work, surroundings.options
    if options.memory:
        size = max(surroundings.limits.file_size_mb, _MEMORY_FILE_MB)
        surroundings = replace(surroundings, limits=replace(surroundings.limits, file_size_mb=size))
    prepare(surroundings)
    preload = _preload(surroundings.interpreter) if options.memory else {}
    started = time.time()
    ran = supervise(
        surroundings,
        "entry.py",
        _orders(surroundings.runnable, options, work, list(preload)),
        work,
        sampling=Sampling(),
        preload=preload,
        cancel=cancel,
        on_tick=on_tick,
    )
    if not surroundings.sandboxed:
        _remove_scalene_files(started)
    ending = decode(work / "outcome.json", Ending)
    return Capture(
        child=ran.child,
        status=ran.status,
        about=decode(work / "about.json", About),
        started=ending is not None,
        ending=None if ending is not None and ending.how == "started" else ending,
        raw=read(work / "profile.json"),
        samples=ran.samples,
        sampler_problem=ran.sampler_problem,
        crash=read(work / "crash.txt").decode(errors="replace"),
        memory=read(work / "memory.bin") or None,
        sandboxed=surroundings.sandboxed,
    )


def _preload(interpreter: Interpreter) -> dict[str, str]:
    """What Scalene would otherwise start a second process to set (its ``scalene_preload.py``)."""
    return {
        "LD_PRELOAD": str(interpreter.scalene / "libscalene.so"),
        "SCALENE_ALLOCATION_SAMPLING_WINDOW": str(_SAMPLING_WINDOW),
    }


def _orders(
    runnable: Runnable, options: RunOptions, work: Path, forget_env: list[str]
) -> dict[str, object]:
    """What ``child/entry.py`` and ``child/host.py`` read."""
    recorder = CHILD / "memory_recorder.py"
    first_folder = runnable.cwd if runnable.kind == "module" else Path(runnable.argument).parent
    return {
        **program_orders(runnable, options),
        "program_path": str(runnable.program_path),
        "sys_path": [str(first_folder)],
        "forget_env": forget_env,
        "wait_sec": _ATTACH_SEC,
        "about": str(work / "about.json"),
        "outcome": str(work / "outcome.json"),
        "crash": str(work / "crash.txt"),
        "memory_recorder": str(recorder) if options.memory else None,
        "memory_output": str(work / "memory.bin"),
        "scalene": _scalene_options(options, work),
    }


def _scalene_options(options: RunOptions, work: Path) -> dict[str, object]:
    """Names are those of Scalene's ``ScaleneArguments``."""
    return {
        "memory": options.memory,
        "gpu": options.include_gpu,
        # py-spy has the stacks; Scalene would wake every sleeping thread for its own.
        "stacks": options.stacks and find_py_spy() is None,
        # Walks every suspended task at every sample: 18 s instead of 2 s with 2,000 tasks.
        "async_profile": False,
        "profile_all": options.profile_all,
        "profile_system_libraries": options.profile_all,
        "profile_only": options.profile_only,
        "profile_exclude": options.profile_exclude,
        "reduced_profile": options.reduced_profile,
        "use_virtual_time": options.use_virtual_time,
        "cpu_percent_threshold": options.cpu_percent_threshold,
        "malloc_threshold": options.malloc_threshold,
        "allocation_sampling_window": _SAMPLING_WINDOW,
        "outfile": str(work / "profile.json"),
    }


def _remove_scalene_files(since: float) -> None:
    """Remove what libscalene left in /tmp for processes of this run (it knows no other place)."""
    for path in Path("/tmp").glob("scalene-*"):  # noqa: S108  (where libscalene puts them)
        match = _SCALENE_FILE.fullmatch(path.name)
        with suppress(OSError):
            if match and not _alive(int(match[1])) and path.stat().st_mtime >= since - 1:
                path.unlink()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

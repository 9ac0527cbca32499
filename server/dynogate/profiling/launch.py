"""One run of one program: its folder, its job for the child, and what came back."""

import json
import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from dynogate.errors import InvalidParams
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildResult, ChildSpec, run_child
from dynogate.jobs.limits import Limits
from dynogate.jobs.sandbox import SandboxSpec
from dynogate.profiling.interpreters import Interpreter
from dynogate.profiling.line_sampler import find_py_spy, py_spy_command
from dynogate.profiling.models import RunOptions
from dynogate.profiling.targets import Runnable

_Record = TypeVar("_Record")
_CHILD = Path(__file__).with_name("child")
_ATTACH_SEC = 0.3
_FLUSH_SHARE = 0.6
"""Part of the grace time after which the sampler is made to write, whatever the program does."""

_OWN_PROCESSES = 2
"""The supervisor and the sampler, which are not the program's."""

_SAMPLING_WINDOW = 1048576
_MEMORY_FILE_MB = 300
"""libscalene's own sample file is a 256 MB hole; a lower file size limit would break it."""

_SCALENE_FILE = re.compile(r"scalene-(?:malloc|memcpy)-(?:signal|lock|init)(\d+)")
_PRELOADED = ("LD_PRELOAD", "SCALENE_ALLOCATION_SAMPLING_WINDOW")

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENV_REFUSED = re.compile(
    r"(LD_|DYLD_|PYTHON|SCALENE|DYNOGATE_|GLIBC_|GCONV_PATH$|LOCPATH$|TMPDIR$|BASH_ENV$|ENV$)"
)
_ENV_HARMLESS = frozenset({"PYTHONHASHSEED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONUNBUFFERED"})


class About(msgspec.Struct):
    """What the child says about its interpreter before the program starts."""

    python: str
    python_version: str
    platform: str
    scalene_version: str | None


class RaisedError(msgspec.Struct):
    """An exception as the child recorded it."""

    type: str
    message: str
    traceback: str
    file: str | None
    lineno: int | None
    text: str | None


class Ending(msgspec.Struct):
    """What the child says about the program's end; missing where it was killed."""

    how: str
    status: int | None = None
    runs: int = 0
    error: RaisedError | None = None
    cpu_sec: float | None = None
    elapsed_sec: float | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Everything one run left behind, read into memory; its files are gone.

    Attributes:
        status: the program's exit status, the negative signal number where a signal ended it.
        samples: py-spy's document, or None and the reason in ``sampler_problem``.
        crash: what the fault handler wrote; empty where nothing crashed.
        memory: what the memory recorder wrote, or None.
    """

    child: ChildResult
    status: int
    about: About | None
    ending: Ending | None
    raw: bytes
    samples: bytes | None
    sampler_problem: str | None
    crash: str
    memory: bytes | None
    sandboxed: bool


def check_env(env: Mapping[str, str]) -> None:
    """See that a caller's variables cannot change the loader, the interpreter or the profiler.

    Raises:
        InvalidParams: a name is refused.
    """
    for name, value in env.items():
        if not _ENV_NAME.fullmatch(name) or "\0" in value:
            raise InvalidParams(f"env: '{name}' is no environment variable.")
        if _ENV_REFUSED.match(name) and name not in _ENV_HARMLESS:
            raise InvalidParams(
                f"env: '{name}' may not be set: it changes the loader, Python's start-up or the "
                "profiler."
            )


def run(
    runnable: Runnable,
    options: RunOptions,
    work: Path,
    *,
    interpreter: Interpreter,
    limits: Limits,
    sandboxed: bool,
    cancel: CancelToken | None = None,
    on_tick: Callable[[float], None] | None = None,
) -> Capture:
    """Run the program under Scalene and py-spy and wait for its end.

    Args:
        work: an empty folder of this run alone; the program may do to it what it likes.
    """
    (work / "tmp").mkdir()
    if runnable.text is not None:
        runnable.cwd.mkdir()
        Path(runnable.argument).write_text(runnable.text, encoding="utf-8")
    job = work / "job.json"
    orders = _job(runnable, options, work, interpreter, limits)
    job.write_text(json.dumps(orders), encoding="utf-8")
    started = time.time()
    child = run_child(
        ChildSpec(
            argv=(str(interpreter.executable), "-I", "-S", str(_CHILD / "supervisor.py"), str(job)),
            cwd=runnable.cwd,
            env=_environment(options, work, interpreter),
            stdin=(options.stdin or "").encode("utf-8", errors="surrogateescape"),
            limits=_limits(limits, options),
            sandbox=_sandbox(runnable, work, interpreter) if sandboxed else None,
        ),
        cancel=cancel,
        on_tick=on_tick,
    )
    if not sandboxed:
        _remove_scalene_files(started)
    return Capture(
        child=child,
        about=_decode(work / "about.json", About),
        ending=_decode(work / "outcome.json", Ending),
        raw=_read(work / "profile.json"),
        status=_status(work / "status", child),
        samples=_read(work / "py-spy.json") or None,
        sampler_problem=_sampler_problem(work),
        crash=_read(work / "crash.txt").decode(errors="replace"),
        memory=_read(work / "memory.bin") or None,
        sandboxed=sandboxed,
    )


def _job(
    runnable: Runnable, options: RunOptions, work: Path, interpreter: Interpreter, limits: Limits
) -> dict[str, object]:
    """The orders; the names are those that ``supervisor.py`` and ``entry.py`` read."""
    recorder = _CHILD / "memory_recorder.py"
    return {
        "command": [str(interpreter.executable), str(_CHILD / "entry.py"), str(work / "job.json")],
        "program_env": _preload(interpreter) if options.memory else {},
        "py_spy": py_spy_command(work / "py-spy.json"),
        "sampler_log": str(work / "py-spy.log"),
        "flush_sec": limits.grace_sec * _FLUSH_SHARE,
        "status": str(work / "status"),
        "kind": runnable.kind,
        "target": runnable.argument,
        "args": list(options.args),
        "repeat": options.repeat,
        "loop": runnable.kind == "code" and options.repeat is None,
        "program_path": str(runnable.program_path),
        "sys_path": [
            str(runnable.cwd if runnable.kind == "module" else Path(runnable.argument).parent)
        ],
        "forget_env": list(_PRELOADED),
        "wait_sec": _ATTACH_SEC,
        "about": str(work / "about.json"),
        "outcome": str(work / "outcome.json"),
        "crash": str(work / "crash.txt"),
        "memory_recorder": str(recorder) if options.memory and recorder.is_file() else None,
        "memory_output": str(work / "memory.bin"),
        "scalene": {
            "memory": options.memory,
            "gpu": options.include_gpu,
            # py-spy has the stacks; Scalene would wake every sleeping thread for its own.
            "stacks": options.stacks and find_py_spy() is None,
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
        },
    }


def _status(path: Path, child: ChildResult) -> int:
    """The supervisor's word, which is exact; a sandbox cannot tell a signal from 128 + n."""
    text = _read(path, 16).decode(errors="replace")
    return int(text) if re.fullmatch(r"-?\d+", text) else child.returncode


def _sampler_problem(work: Path) -> str | None:
    if _read(work / "py-spy.json", 1):
        return None
    if find_py_spy() is None:
        return "py-spy is not installed"
    lines = _read(work / "py-spy.log", 10_000).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"


def _environment(options: RunOptions, work: Path, interpreter: Interpreter) -> dict[str, str]:
    check_env(options.env)
    return {
        "PATH": f"{interpreter.executable.parent}{os.pathsep}{os.defpath}",
        "HOME": str(work),
        "TMPDIR": str(work / "tmp"),
        "LANG": "C.UTF-8",
        **options.env,
    }


def _preload(interpreter: Interpreter) -> dict[str, str]:
    """What Scalene would otherwise start a second process to set (its ``scalene_preload.py``)."""
    return {
        "LD_PRELOAD": str(interpreter.scalene / "libscalene.so"),
        "SCALENE_ALLOCATION_SAMPLING_WINDOW": str(_SAMPLING_WINDOW),
    }


def _limits(limits: Limits, options: RunOptions) -> Limits:
    return replace(
        limits,
        timeout_sec=min(limits.timeout_sec, options.timeout_seconds),
        processes=limits.processes + _OWN_PROCESSES,
        file_size_mb=max(limits.file_size_mb, _MEMORY_FILE_MB if options.memory else 0),
    )


def _sandbox(runnable: Runnable, work: Path, interpreter: Interpreter) -> SandboxSpec:
    py_spy = find_py_spy()
    sampler = (Path(py_spy),) if py_spy is not None else ()
    return SandboxSpec(
        readable=(*interpreter.folders, _CHILD, *sampler, runnable.program_path), writable=(work,)
    )


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


def _read(path: Path, limit: int = 512 * 1024 * 1024) -> bytes:
    """A file that the program could have replaced: regular, not a link, and of bounded size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        return file.read(limit) if stat.S_ISREG(status.st_mode) else b""


def _decode(path: Path, kind: type[_Record]) -> _Record | None:
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(_read(path, 1024 * 1024), type=kind)
    return None

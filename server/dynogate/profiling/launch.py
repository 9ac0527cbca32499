"""One run of one program: its folder, its job for the child, and what came back."""

import json
import os
import re
import shutil
import stat
import tempfile
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
from dynogate.profiling.line_sampler import LineSampler
from dynogate.profiling.models import RunOptions
from dynogate.profiling.targets import Runnable

_Record = TypeVar("_Record")
_CHILD = Path(__file__).with_name("child")
_ATTACH_SEC = 0.3
_PREFIX = "dynogate-run"
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
    libraries: list[str]


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
        samples: py-spy's document, or None and the reason in ``sampler_problem``.
        crash: what the fault handler wrote; empty where nothing crashed.
        memory: what the memory recorder wrote, or None.
    """

    child: ChildResult
    about: About | None
    ending: Ending | None
    raw: bytes
    samples: bytes | None
    sampler_problem: str | None
    crash: str
    memory: bytes | None
    sandboxed: bool


class Scratch:
    """A private folder for one run: ``work`` is the program's, ``host`` is ours alone."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{os.getpid()}-"))
        self.work = self.path / "work"
        self.host = self.path / "host"
        self.code = self.work / "code"
        for folder in (self.work, self.host, self.code, self.work / "tmp"):
            folder.mkdir()

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, *_: object) -> None:
        _remove(self.path)


def sweep() -> None:
    """Remove folders of runs whose gateway was killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*"):
        pid = path.name.removeprefix(f"{_PREFIX}-").partition("-")[0]
        if pid.isdigit() and not _alive(int(pid)):
            _remove(path)


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
    scratch: Scratch,
    *,
    interpreter: Interpreter,
    limits: Limits,
    sandboxed: bool,
    cancel: CancelToken | None = None,
    on_tick: Callable[[float], None] | None = None,
) -> Capture:
    """Run the program under Scalene and py-spy and wait for its end."""
    work = scratch.work
    if runnable.text is not None:
        Path(runnable.argument).write_text(runnable.text, encoding="utf-8")
    job = work / "job.json"
    job.write_text(json.dumps(_job(runnable, options, work)), encoding="utf-8")
    sampler = LineSampler(scratch.host, ready=work / "ready", attached=work / "attached")
    started = time.time()
    child = run_child(
        ChildSpec(
            argv=(str(interpreter.executable), str(_CHILD / "entry.py"), str(job)),
            cwd=runnable.cwd,
            env=_environment(options, work, interpreter),
            stdin=(options.stdin or "").encode("utf-8", errors="surrogateescape"),
            limits=_limits(limits, options),
            sandbox=_sandbox(runnable, work, interpreter) if sandboxed else None,
        ),
        cancel=cancel,
        on_start=sampler.start,
        on_tick=on_tick,
    )
    samples = sampler.finish()
    if not sandboxed:
        _remove_scalene_files(started)
    return Capture(
        child=child,
        about=_decode(work / "about.json", About),
        ending=_decode(work / "outcome.json", Ending),
        raw=_read(work / "profile.json"),
        samples=samples,
        sampler_problem=sampler.problem,
        crash=_read(work / "crash.txt").decode(errors="replace"),
        memory=_read(work / "memory.bin") or None,
        sandboxed=sandboxed,
    )


def _job(runnable: Runnable, options: RunOptions, work: Path) -> dict[str, object]:
    """The child's orders; the names are those that ``child/entry.py`` reads."""
    recorder = _CHILD / "memory_recorder.py"
    return {
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
        "ready": str(work / "ready"),
        "attached": str(work / "attached"),
        "memory_recorder": str(recorder) if options.memory and recorder.is_file() else None,
        "memory_output": str(work / "memory.bin"),
        "scalene": {
            "memory": options.memory,
            "gpu": options.include_gpu,
            "stacks": options.stacks,
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


def _environment(options: RunOptions, work: Path, interpreter: Interpreter) -> dict[str, str]:
    check_env(options.env)
    environment = {
        "PATH": f"{interpreter.executable.parent}{os.pathsep}{os.defpath}",
        "HOME": str(work),
        "TMPDIR": str(work / "tmp"),
        "LANG": "C.UTF-8",
        **options.env,
        "SCALENE_ALLOCATION_SAMPLING_WINDOW": str(_SAMPLING_WINDOW),
    }
    if options.memory:
        environment["LD_PRELOAD"] = str(interpreter.scalene / "libscalene.so")
    return environment


def _limits(limits: Limits, options: RunOptions) -> Limits:
    return replace(
        limits,
        timeout_sec=min(limits.timeout_sec, options.timeout_seconds),
        file_size_mb=max(limits.file_size_mb, _MEMORY_FILE_MB if options.memory else 0),
    )


def _sandbox(runnable: Runnable, work: Path, interpreter: Interpreter) -> SandboxSpec:
    return SandboxSpec(
        readable=(*interpreter.folders, _CHILD, runnable.program_path), writable=(work,)
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


def _remove(path: Path) -> None:
    def make_writable(function: Callable[[str], object], name: str, _: object) -> None:
        with suppress(OSError):
            Path(name).parent.chmod(stat.S_IRWXU)
            Path(name).chmod(stat.S_IRWXU)
            function(name)

    shutil.rmtree(path, onerror=make_writable)


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

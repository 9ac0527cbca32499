"""Running one of our ``child/`` scripts in the target interpreter, with the line sampler beside it.

Whoever runs a program, with Scalene around it or without, does it here: one environment, one
sandbox, one set of limits.
"""

import json
import os
import re
import stat
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
from dynogate.profiling.capture.interpreters import Interpreter
from dynogate.profiling.capture.line_sampler import Sampling, find_py_spy, py_spy_command
from dynogate.profiling.capture.targets import Runnable
from dynogate.profiling.models import RunOptions

CHILD = Path(__file__).with_name("child")
"""The scripts that run in the target interpreter."""

_FLUSH_SHARE = 0.6
"""Part of the grace time after which the sampler is made to write, whatever the program does."""

_OWN_PROCESSES = 2
"""The supervisor and the sampler, which are not the program's."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ENV_REFUSED = re.compile(
    r"(LD_|DYLD_|PYTHON|SCALENE|DYNOGATE_|GLIBC_|GCONV_PATH$|LOCPATH$|TMPDIR$|BASH_ENV$|ENV$)"
)
_ENV_HARMLESS = frozenset({"PYTHONHASHSEED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONUNBUFFERED"})

_Record = TypeVar("_Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a program is run with.

    Attributes:
        work: the one folder it may write to (its own for this run, or for a series of runs).
        limits: the caller's; the time limit of ``options`` holds too.
    """

    runnable: Runnable
    options: RunOptions
    interpreter: Interpreter
    limits: Limits
    sandboxed: bool
    work: Path

    @property
    def time_limit_sec(self) -> float:
        """Seconds until the program is stopped."""
        return min(self.limits.timeout_sec, self.options.timeout_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """How a supervised run ended.

    Attributes:
        status: the program's exit status, the negative signal number where a signal ended it.
        samples: py-spy's document; None where it was not asked for or has none, and
            ``sampler_problem`` then says why.
    """

    child: ChildResult
    status: int
    samples: bytes | None
    sampler_problem: str | None


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


def prepare(surroundings: Surroundings) -> None:
    """Fill an empty ``work`` folder: a folder for temporary files, and the snippet's text."""
    (surroundings.work / "tmp").mkdir()
    runnable = surroundings.runnable
    if runnable.text is not None:
        path = Path(runnable.argument)
        path.parent.mkdir(exist_ok=True)
        path.write_text(runnable.text, encoding="utf-8")


def program_orders(runnable: Runnable, options: RunOptions) -> dict[str, object]:
    """The part of a job that ``child/program.py`` reads."""
    return {
        "kind": runnable.kind,
        "target": runnable.argument,
        "args": list(options.args),
        "repeat": options.repeat,
        "loop": runnable.kind == "code" and options.repeat is None,
    }


def supervise(
    surroundings: Surroundings,
    script: str,
    orders: Mapping[str, object],
    folder: Path,
    *,
    sampling: Sampling | None,
    environment: Mapping[str, str] | None = None,
    preload: Mapping[str, str] | None = None,
    cancel: CancelToken | None = None,
    on_tick: Callable[[float], None] | None = None,
) -> Supervised:
    """Run ``script JOB.json READY GO`` and wait for its end.

    The script writes a byte to the pipe ``READY`` once it may be sampled; ``GO`` becomes readable
    once it is (see ``announce`` and ``wait_for_sampler`` in ``child/entry.py``).

    Args:
        script: name of a file in ``child/``.
        orders: what the script reads from its JSON file.
        folder: for the files of this run, inside ``work``.
        sampling: how to sample lines; None runs without.
        environment: more variables, over the caller's own.
        preload: variables of the script's process alone, not of what supervises it.
    """
    options, python = surroundings.options, surroundings.interpreter.executable
    job = folder / "job.json"
    supervision = {
        "command": [*python_command(python, script), str(job)],
        "program_env": dict(preload or {}),
        "py_spy": py_spy_command(folder / "py-spy.json", sampling) if sampling else [],
        "sampler_log": str(folder / "py-spy.log"),
        "flush_sec": surroundings.limits.grace_sec * _FLUSH_SHARE,
        "status": str(folder / "status"),
    }
    job.write_text(json.dumps({**orders, **supervision}), encoding="utf-8")
    child = run_child(
        ChildSpec(
            argv=(*python_command(python, "supervisor.py", "-I", "-S"), str(job)),
            cwd=surroundings.runnable.cwd,
            env={**_environment(surroundings), **(environment or {})},
            stdin=(options.stdin or "").encode("utf-8", errors="surrogateescape"),
            limits=_limits(surroundings),
            sandbox=_sandbox(surroundings) if surroundings.sandboxed else None,
        ),
        cancel=cancel,
        on_tick=on_tick,
    )
    samples = read(folder / "py-spy.json") or None
    return Supervised(
        child=child,
        status=_status(folder / "status", child),
        samples=samples,
        sampler_problem=_sampler_problem(folder) if sampling and samples is None else None,
    )


def python_command(python: Path, script: str, *flags: str) -> list[str]:
    """The command that runs a file of ``child/`` in an interpreter."""
    return [str(python), *flags, str(CHILD / script)]


def read(path: Path, limit: int = 512 * 1024 * 1024) -> bytes:
    """A file that the program could have replaced: regular, not a link, and of bounded size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit)


def decode(path: Path, kind: type[_Record]) -> _Record | None:
    """A small JSON file that the child wrote; None where it is missing or not of this kind."""
    with suppress(msgspec.DecodeError):
        return msgspec.json.decode(read(path, 1024 * 1024), type=kind)
    return None


def _environment(surroundings: Surroundings) -> dict[str, str]:
    check_env(surroundings.options.env)
    return {
        "PATH": f"{surroundings.interpreter.executable.parent}{os.pathsep}{os.defpath}",
        "HOME": str(surroundings.work),
        "TMPDIR": str(surroundings.work / "tmp"),
        "LANG": "C.UTF-8",
        **surroundings.options.env,
    }


def _limits(surroundings: Surroundings) -> Limits:
    limits = surroundings.limits
    return replace(
        limits,
        timeout_sec=surroundings.time_limit_sec,
        processes=limits.processes + _OWN_PROCESSES,
    )


def _sandbox(surroundings: Surroundings) -> SandboxSpec:
    py_spy = find_py_spy()
    sampler = (Path(py_spy),) if py_spy is not None else ()
    folders = surroundings.interpreter.folders
    return SandboxSpec(
        readable=(*folders, CHILD, *sampler, surroundings.runnable.program_path),
        writable=(surroundings.work,),
    )


def _status(path: Path, child: ChildResult) -> int:
    """The supervisor's word, which is exact; a sandbox cannot tell a signal from 128 + n."""
    text = read(path, 16).decode(errors="replace")
    return int(text) if re.fullmatch(r"-?\d+", text) else child.returncode


def _sampler_problem(folder: Path) -> str:
    if find_py_spy() is None:
        return "py-spy is not installed"
    lines = read(folder / "py-spy.log", 10_000).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"

"""Running small programs as jobs, in a sandbox and without, and looking for what they left."""

import os
import secrets
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest

from dynogate.jobs import child
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildResult, ChildSpec, run_child
from dynogate.jobs.limits import Limits
from dynogate.jobs.sandbox import SandboxSpec

INTERPRETER = SandboxSpec(
    readable=tuple({Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve()})
)


class RunPython(Protocol):
    """Run Python source as a job; ``marker`` is its ``sys.argv[1]``."""

    def __call__(
        self,
        source: str,
        *,
        limits: Limits = ...,
        stdin: bytes = ...,
        cwd: Path = ...,
        writable: tuple[Path, ...] = ...,
        cancel: CancelToken | None = ...,
        on_start: Callable[[int], None] | None = ...,
        on_tick: Callable[[float], None] | None = ...,
    ) -> ChildResult: ...


@pytest.fixture
def marker() -> Iterator[str]:
    """A word that marks every process of the test in its command line; none may be left."""
    word = f"marker-{secrets.token_hex(8)}"
    yield word
    survivors = marked_processes(word)
    for process in survivors:
        process.kill()
    assert survivors == []


@pytest.fixture(params=["plain", "sandboxed"])
def sandboxed(request: pytest.FixtureRequest) -> bool:
    """Both ways of running a job."""
    return bool(request.param == "sandboxed")


def python_runner(marker: str, *, sandboxed: bool) -> RunPython:
    """A function that runs Python source as a job."""

    def run(
        source: str,
        *,
        limits: Limits = Limits(timeout_sec=30, grace_sec=2),  # noqa: B008 (frozen)
        stdin: bytes = b"",
        cwd: Path = Path("/"),
        writable: tuple[Path, ...] = (),
        cancel: CancelToken | None = None,
        on_start: Callable[[int], None] | None = None,
        on_tick: Callable[[float], None] | None = None,
    ) -> ChildResult:
        spec = ChildSpec(
            argv=(sys.executable, "-I", "-S", "-c", textwrap.dedent(source), marker),
            cwd=cwd,
            env={"PATH": os.defpath},
            stdin=stdin,
            limits=limits,
            sandbox=SandboxSpec(readable=INTERPRETER.readable, writable=writable)
            if sandboxed
            else None,
        )
        return run_child(spec, cancel=cancel, on_start=on_start, on_tick=on_tick)

    return run


@pytest.fixture
def python(marker: str, sandboxed: bool) -> RunPython:
    """Run Python source as a job, in each of the two ways."""
    return python_runner(marker, sandboxed=sandboxed)


@pytest.fixture
def plain_python(marker: str) -> RunPython:
    """Run Python source as a job without a sandbox."""
    return python_runner(marker, sandboxed=False)


@pytest.fixture
def sandboxed_python(marker: str) -> RunPython:
    """Run Python source as a job in a sandbox."""
    return python_runner(marker, sandboxed=True)


def marked_processes(marker: str) -> list[psutil.Process]:
    """Every living process, zombies too, with the marker in its command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if marker in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def eventually(condition: Callable[[], bool], *, within_sec: float = 10) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + within_sec
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


@pytest.fixture(scope="session", autouse=True)
def _warden_coverage() -> Iterator[None]:
    """Where coverage is measured, measure the warden too (it runs without site-packages)."""
    coverage = sys.modules.get("coverage")
    running = coverage and coverage.Coverage.current()
    if coverage is None or running is None:
        yield
        return
    settings = {
        "data_file": str(Path(running.config.data_file or ".coverage").resolve()),
        "data_suffix": True,
        "branch": True,
        "config_file": False,
        "source": [str(Path(child.__file__).parent / "warden")],
    }
    prologue = f"""
import os, sys
sys.path.append({str(Path(coverage.__file__ or "").parent.parent)!r})
import atexit, coverage
measured = coverage.Coverage(**{settings!r})
measured.start()
def save():
    measured.stop(); measured.save()
atexit.register(save)
for name in ("_exit", "execve", "execvpe"):  # these would lose the data of a forked process
    def saved(*args, real=getattr(os, name)):
        save(); measured.start(); real(*args)
    setattr(os, name, saved)
"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "_WARDEN", prologue + child._WARDEN)
        yield

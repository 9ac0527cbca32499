"""Real profiles that several tests look at, each made once a session."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from textwrap import dedent

from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.models import ProfileResult, RunOptions

PROGRAMS = Path(__file__).with_name("programs")

Profile = Callable[..., ProfileResult]


@cache
def constructs() -> ProfileResult:
    """``programs/constructs.py``, profiled; again where the machine was too crowded to tell."""
    profiler = ScaleneProfiler(roots=[PROGRAMS])
    for _ in range(4):
        profile = profiler.profile_script(PROGRAMS / "constructs.py")
        if not profile.summary.notes:
            break
    return profile


def write(folder: Path, text: str, name: str = "script.py") -> Path:
    """A script in ``folder``."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


def run(folder: Path, text: str, **options: object) -> ProfileResult:
    """Profile a script that is written to ``folder`` first; memory is off unless asked for."""
    script = write(folder, text)
    chosen = RunOptions.model_validate({"cpu_only": True} | options)
    return ScaleneProfiler(roots=[folder]).profile_script(script, chosen)


BUSY = "for i in range(6_000_000):\n    i * i\n"
"""Some 0.2 s of CPU time on a fast machine: enough for samples."""

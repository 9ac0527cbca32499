"""Builders of sample profiles: a small, consistent run of an imaginary ``/srv/app/slow.py``.

Every builder takes overrides by field name and validates them, so that a test names only what
it is about: ``sample_profile(tags=("nightly",), summary=sample_summary(outcome="failed"))``.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from dynogate.profiling.models import (
    Environment,
    FileProfile,
    FunctionProfile,
    LineProfile,
    ProfileResult,
    ProfileSummary,
    RunOptions,
    StackSample,
    Target,
)

SCRIPT = "/srv/app/slow.py"

SOURCE = """\
kept = []


def square_sum(n):
    total = 0
    for i in range(n):
        total += i * i
    return total


def grow(n):
    for _ in range(n):
        kept.append(bytearray(1 << 20))


square_sum(10_000_000)
grow(64)
"""


def sample_target(name: str = SCRIPT, **overrides: Any) -> Target:
    """A script called ``name`` whose text is ``SOURCE``."""
    fields = {
        "kind": "script",
        "name": name,
        "path": name,
        "source": SOURCE,
        "sha256": hashlib.sha256(SOURCE.encode()).hexdigest(),
    }
    return Target.model_validate(fields | overrides)


def sample_summary(**overrides: Any) -> ProfileSummary:
    """Two seconds of work that completed and grew to 80 MB."""
    fields = {
        "outcome": "completed",
        "exit_status": 0,
        "elapsed_time_sec": 2.0,
        "cpu_time_sec": 1.9,
        "max_footprint_mb": 80.0,
        "growth_rate_mb_per_sec": 32.0,
        "cpu_samples": 190,
        "alloc_samples": 64,
    }
    return ProfileSummary.model_validate(fields | overrides)


def sample_line(lineno: int = 7, **overrides: Any) -> LineProfile:
    """Line ``lineno`` of ``SOURCE`` at no cost: give it the figures the test is about."""
    lines = SOURCE.splitlines()
    fields = {
        "lineno": lineno,
        "function": "<module>",
        "source": lines[lineno - 1] if lineno <= len(lines) else "",
        "cpu_percent": 0.0,
        "cpu_percent_python": 0.0,
        "cpu_percent_native": 0.0,
        "cpu_percent_system": 0.0,
    }
    return LineProfile.model_validate(fields | overrides)


def sample_function(name: str = "square_sum", **overrides: Any) -> FunctionProfile:
    """A function of ``SOURCE`` at no cost."""
    fields = {
        "name": name,
        "first_lineno": 4,
        "last_lineno": 8,
        "cpu_percent": 0.0,
        "cpu_percent_python": 0.0,
        "cpu_percent_native": 0.0,
        "cpu_percent_system": 0.0,
    }
    return FunctionProfile.model_validate(fields | overrides)


def sample_stack(*frames: tuple[str, int], file: str = SCRIPT, cpu_sec: float) -> StackSample:
    """A stack of ``(function, lineno)`` frames of one file, root first; 100 samples a second."""
    return StackSample.model_validate(
        {
            "frames": [{"file": file, "function": name, "lineno": line} for name, line in frames],
            "cpu_sec": cpu_sec,
            "count": max(1, round(cpu_sec * 100)),
        }
    )


def sample_file(file: str = SCRIPT) -> FileProfile:
    """``SOURCE`` as profiled: line 7 burns the CPU, line 13 keeps 64 MB, line 1 cost nothing."""
    return FileProfile(
        file=file,
        cpu_percent=100.0,
        lines=(
            sample_line(1),
            sample_line(
                6,
                function="square_sum",
                cpu_percent=20.0,
                cpu_percent_python=20.0,
            ),
            sample_line(
                7,
                function="square_sum",
                cpu_percent=75.0,
                cpu_percent_python=73.0,
                cpu_percent_native=2.0,
                core_utilization=0.5,
            ),
            sample_line(
                13,
                function="grow",
                cpu_percent=5.0,
                cpu_percent_native=5.0,
                malloc_mb=64.0,
                malloc_count=64,
                retained_mb=64.0,
                peak_mb=64.0,
                python_fraction=0.9,
                memory_samples=((1.8, 10.0), (1.9, 40.0), (2.0, 64.0)),
            ),
        ),
        functions=(
            sample_function(cpu_percent=95.0, cpu_percent_python=93.0, cpu_percent_native=2.0),
            sample_function(
                "grow",
                first_lineno=11,
                last_lineno=13,
                cpu_percent=5.0,
                cpu_percent_native=5.0,
                malloc_mb=64.0,
                peak_mb=64.0,
            ),
        ),
    )


def sample_raw(padding: int = 0) -> bytes:
    """Something of the shape of Scalene's JSON; ``padding`` adds that many lines to it."""
    line = {"lineno": 7, "line": "        total += i * i\n", "n_cpu_percent_python": 73.0}
    lines = [line, *({"lineno": 100 + i, "line": f"x{i} = {i}\n"} for i in range(padding))]
    document = {"program": SCRIPT, "elapsed_time_sec": 2.0, "files": {SCRIPT: {"lines": lines}}}
    return json.dumps(document).encode()


def sample_profile(**overrides: Any) -> ProfileResult:
    """A whole, valid, not yet stored profile; overrides replace top-level fields."""
    fields = {
        "created_at": datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
        "target": sample_target(),
        "options": RunOptions(),
        "environment": Environment(
            python="/usr/bin/python3.11",
            python_version="3.11.9",
            scalene_version="2.4.0",
            platform="Linux-6.1-x86_64",
            host="bench-1",
            cpu_count=2,
            sandboxed=True,
        ),
        "summary": sample_summary(),
        "line_sampler": "py-spy",
        "files": (sample_file(),),
        "stacks": (
            sample_stack(("<module>", 16), ("square_sum", 7), cpu_sec=1.43),
            sample_stack(("<module>", 16), ("square_sum", 6), cpu_sec=0.38),
            sample_stack(("<module>", 17), ("grow", 13), cpu_sec=0.09),
        ),
        "memory_timeline": ((0.0, 16.0), (1.8, 16.0), (1.9, 46.0), (2.0, 80.0)),
        "stdout": "",
        "stderr": "",
        "raw": sample_raw(),
    }
    return ProfileResult.model_validate(fields | overrides)

"""Check the planted CPU truth without Dynogate: ``python -m benchmarks.ground_truth.verify``.

Two witnesses that share nothing: py-spy alone on the plain program (it stops the program for each
sample), and a CPU clock read at every line (``line_clock.py``; not for child processes). A truth
stands where the planted line comes first by both, and well before the runner-up.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks._cli import run
from benchmarks.ground_truth.corpus import Program, Spot, load

RATE_HZ = 250
TIME_LIMIT_SEC = 300.0
CLOCK_LIMIT_SEC = 90.0


def by_py_spy(program: Program, folder: Path) -> list[tuple[Spot, float]]:
    """Shares of the samples by line, largest first."""
    script, out = program.lay_out(folder), folder / "py-spy.txt"
    command = ["py-spy", "record", "-r", str(RATE_HZ), "-f", "raw", "-o", str(out), "-s"]
    command += ["--full-filenames", "--", sys.executable, str(script)]
    _run(command, folder)
    counts: Counter[Spot] = Counter()
    for line in out.read_text().splitlines() if out.exists() else ():
        stack, _, count = line.rpartition(" ")
        for frame in reversed(stack.split(";")):
            place = frame.rpartition("(")[2].rstrip(")")
            if place.startswith(str(folder)):
                file, _, lineno = place.rpartition(":")
                counts[Spot(Path(file).relative_to(folder).as_posix(), int(lineno))] += int(count)
                break
    return _shares(counts)


def by_line_clock(
    program: Program, folder: Path, limit_sec: float = CLOCK_LIMIT_SEC
) -> list[tuple[Spot, float]]:
    """Shares of the CPU time by line, largest first; empty where children do the work."""
    script, out = program.lay_out(folder), folder / "clock.json"
    clock = str(Path(__file__).with_name("line_clock.py"))
    _run([sys.executable, clock, str(out), str(script), str(limit_sec)])
    costs = {
        Spot(Path(file).relative_to(folder).as_posix(), lineno): max(0.0, seconds)
        for file, lineno, seconds in (json.loads(out.read_text()) if out.exists() else ())
    }
    return _shares(costs)


def _run(command: list[str], folder: Path | None = None) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):  # no witness then, which shows
        subprocess.run(
            command, cwd=folder, capture_output=True, timeout=TIME_LIMIT_SEC, check=False
        )


def _shares(costs: dict[Spot, float] | Counter[Spot]) -> list[tuple[Spot, float]]:
    total = sum(costs.values()) or 1
    return sorted(((s, c / total) for s, c in costs.items()), key=lambda row: -row[1])


def _describe(shares: list[tuple[Spot, float]]) -> str:
    return "  ".join(f"{spot} {share:.0%}" for spot, share in shares[:3])


def _clocked(program: Program, limit_sec: float) -> list[tuple[Spot, float]]:
    with tempfile.TemporaryDirectory() as name:
        return by_line_clock(program, Path(name).resolve(), limit_sec)


def main(match: str = "cpu_", *, clock_limit_sec: float = CLOCK_LIMIT_SEC) -> int:
    """Ask both witnesses about every program with a planted hot line whose name has ``match``."""
    table = Table("program", "planted", "py-spy alone", "line clock", "", box=None)
    doubtful = 0
    for program in load(match):
        if not program.hot:
            continue
        with tempfile.TemporaryDirectory() as name:
            spy = by_py_spy(program, Path(name).resolve())
        forks = "process" in program.name
        clock = [] if forks else _clocked(program, clock_limit_sec)
        witnesses = [spy] if forks else [spy, clock]
        good = all(w and w[0][0] in program.hot for w in witnesses)
        doubtful += not good
        planted = " ".join(map(str, sorted(program.hot)))
        told = "children, not seen" if forks else _describe(clock)
        row = (program.name, planted, _describe(spy), told, "" if good else "DOUBTFUL")
        table.add_row(*row)
        sys.stderr.write("  |  ".join(row) + "\n")
    Console(width=200).print(table)
    return 1 if doubtful else 0


if __name__ == "__main__":
    run(main)

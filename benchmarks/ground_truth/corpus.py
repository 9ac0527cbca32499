"""The programs, and the truth planted in them.

A program is a file, or a folder with a ``main.py``. A comment at the end of a line plants a truth:

``# HOT``
    the line costs more CPU time than any other (code it calls outside the program included).
``# ALLOC``
    the program's n ALLOC lines are the n that allocate most.
``# LEAK`` or ``# LEAK:name``
    what the line allocates is never let go. The program measures its own leak: the last line it
    prints is ``{"leaked_mb": X, "seconds": Y}`` (or an object of X by name), MB being MiB.
``# MAYBE``
    what the line makes is kept and grows until the end of the run, though it was not planted as a
    leak: nobody can tell from one run, so it may be reported as one and need not be.

A line may hold several, as in ``# ALLOC MAYBE``. Where neither LEAK nor MAYBE stands, nothing
leaks. The profiler never sees the comments: ``lay_out`` writes a
copy without them.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
_MARKER = re.compile(r"\s*#(?P<marks>(?: (?:HOT|ALLOC|MAYBE|LEAK(?::\w+)?))+)\s*$")


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A line of a program; ``file`` is relative to the program's folder."""

    file: str
    lineno: int

    def __str__(self) -> str:
        return f"{self.file}:{self.lineno}"


@dataclass(frozen=True, slots=True)
class Program:
    """One program and its truth.

    Attributes:
        name: the file's or folder's name without a suffix.
        files: text of each file without markers, by path relative to the program's folder.
        script: the file to run.
        hot: any of these is a right answer for the hottest line; empty where none was planted.
        alloc: the lines that allocate most.
        leaks: the leaking lines, by name (the only one of a program is named "").
        maybe: lines that may be reported as leaks.
    """

    name: str
    files: dict[str, str]
    script: str
    hot: frozenset[Spot]
    alloc: frozenset[Spot]
    leaks: dict[str, Spot]
    maybe: frozenset[Spot]

    def lay_out(self, folder: Path) -> Path:
        """Write the program without its markers into ``folder``; the path of its script."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder / self.script

    def source(self, spot: Spot) -> str:
        """The text of a line of the program, stripped."""
        return self.files[spot.file].splitlines()[spot.lineno - 1].strip()


@dataclass(frozen=True, slots=True)
class _Mark:
    kind: str
    name: str
    spot: Spot


def load(match: str = "", *, root: Path = PROGRAMS) -> list[Program]:
    """Every program whose name contains ``match``, by name."""
    return [
        _load_one(path)
        for path in sorted(root.iterdir())
        if match in path.stem and (path.suffix == ".py" or (path / "main.py").is_file())
    ]


def _load_one(path: Path) -> Program:
    folder = path if path.is_dir() else path.parent
    sources = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    files: dict[str, str] = {}
    marks: list[_Mark] = []
    for source in sources:
        name = source.relative_to(folder).as_posix()
        files[name], found = _strip(name, source.read_text(encoding="utf-8"))
        marks += found
    return Program(
        name=path.stem,
        files=files,
        script="main.py" if path.is_dir() else path.name,
        hot=frozenset(m.spot for m in marks if m.kind == "HOT"),
        alloc=frozenset(m.spot for m in marks if m.kind == "ALLOC"),
        leaks={m.name: m.spot for m in marks if m.kind == "LEAK"},
        maybe=frozenset(m.spot for m in marks if m.kind == "MAYBE"),
    )


def _strip(name: str, text: str) -> tuple[str, list[_Mark]]:
    """The text without its markers, and the markers."""
    lines, marks = [], []
    for lineno, line in enumerate(text.splitlines(), start=1):
        if found := _MARKER.search(line):
            for mark in found["marks"].split():
                kind, _, label = mark.partition(":")
                marks.append(_Mark(kind, label, Spot(name, lineno)))
            line = line[: found.start()]
        lines.append(line)
    return "\n".join(lines) + "\n", marks


def true_rates(stdout: str) -> dict[str, float]:
    """MB a second that a leaking program measured of itself, by leak name; empty if it did not."""
    for line in reversed(stdout.splitlines()):
        if line.startswith('{"leaked_mb"'):
            told = json.loads(line)
            leaked = told["leaked_mb"]
            by_name = leaked if isinstance(leaked, dict) else {"": leaked}
            return {name: mb / told["seconds"] for name, mb in by_name.items()}
    return {}

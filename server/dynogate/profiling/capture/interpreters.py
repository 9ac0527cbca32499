"""The interpreter a program is to run under, and whether Scalene is there."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dynogate.errors import BadInterpreter, ScriptNotFound

SCALENE_VERSION = "2.4.0"
"""The version whose parts ``child/entry.py`` sets up by hand."""

_NAME = re.compile(r"python[0-9.]*t?")
_PROBE_SEC = 30.0
_PROBE = """\
import importlib.util, json, os, sys, sysconfig
from importlib import metadata
spec = importlib.util.find_spec("scalene")
try:
    version = metadata.version("scalene")
except metadata.PackageNotFoundError:
    version = None
print(json.dumps({
    "python_version": list(sys.version_info[:3]),
    "scalene": os.path.dirname(spec.origin) if spec and spec.origin else None,
    "scalene_version": version,
    "folders": [sys.prefix, sys.base_prefix, *[p for p in sys.path if os.path.isdir(p)]],
    "libraries": [sysconfig.get_path(n) for n in ("stdlib", "platstdlib", "purelib", "platlib")],
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that Scalene is installed for.

    Attributes:
        executable: its path, as started (a venv's ``python`` is a link that must stay one).
        scalene: folder of its Scalene package.
        folders: what a sandbox must show for it to run.
        libraries: standard library and site-packages: not the program's own files.
    """

    executable: Path
    version: tuple[int, ...]
    scalene: Path
    folders: tuple[Path, ...]
    libraries: tuple[Path, ...]


_known: dict[tuple[str, int], Interpreter] = {}


def find_interpreter(python: str | None) -> Interpreter:
    """The interpreter to use.

    Args:
        python: path of an interpreter or of a virtual environment; None for our own.

    Raises:
        ScriptNotFound: there is no such file.
        BadInterpreter: it is no Python, cannot start, or lacks the right Scalene.
    """
    executable = Path(sys.executable) if python is None else _executable(python)
    key = (str(executable), executable.stat().st_mtime_ns)
    if key not in _known:
        _known[key] = _probe(executable)
    return _known[key]


def _executable(python: str) -> Path:
    given = Path(python).expanduser()
    path = Path(os.path.abspath(given / "bin" / "python" if given.is_dir() else given))  # noqa: PTH100  (resolve() would leave the venv)
    if not path.exists():
        raise ScriptNotFound(f"There is no interpreter at '{path}'.")
    if not _NAME.fullmatch(path.name) or not path.is_file() or not os.access(path, os.X_OK):
        raise BadInterpreter(f"'{path}' is no Python interpreter or virtual environment.")
    return path


def _probe(executable: Path) -> Interpreter:
    install = f"{executable} -m pip install scalene=={SCALENE_VERSION}"
    try:
        answer = subprocess.run(
            [str(executable), "-I", "-c", _PROBE],
            capture_output=True,
            timeout=_PROBE_SEC,
            check=True,
            env={"PATH": os.defpath},
            stdin=subprocess.DEVNULL,
        )
        found = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise BadInterpreter(f"'{executable}' cannot be started as Python: {error}.") from error
    if found["scalene"] is None:
        raise BadInterpreter(f"Scalene is not installed for '{executable}'. Run: {install}")
    if found["scalene_version"] != SCALENE_VERSION:
        raise BadInterpreter(
            f"'{executable}' has Scalene {found['scalene_version']}, but {SCALENE_VERSION} is "
            f"needed. Run: {install}"
        )
    return Interpreter(
        executable=executable,
        version=tuple(found["python_version"]),
        scalene=Path(found["scalene"]),
        # As named and as they really are: a venv may be reached through a link.
        folders=_outermost(
            [Path(path) for given in found["folders"] for path in (given, os.path.realpath(given))]
        ),
        libraries=tuple({Path(os.path.realpath(path)) for path in found["libraries"]}),
    )


def _outermost(paths: list[Path]) -> tuple[Path, ...]:
    """The paths without those that lie inside another one."""
    kept: list[Path] = []
    for path in sorted(set(paths), key=lambda item: len(item.parts)):
        if not any(path.is_relative_to(outer) for outer in kept):
            kept.append(path)
    return tuple(kept)

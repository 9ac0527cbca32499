"""What may be run: scripts, modules and snippets, checked before anything starts."""

import hashlib
import os
import re
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dynogate.errors import BadScript, InvalidParams, OutsideRoots, ScriptNotFound
from dynogate.profiling.models import Target

MAX_SOURCE_BYTES = 5_000_000
CODE_NAME = "code.py"
"""The name that snippets go by, so that two profiles of one snippet can be compared."""

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """A checked program.

    Attributes:
        target: what the profile says was run.
        argument: path of the script, or name of the module, for the child.
        cwd: the folder it is started in.
        program_path: the folder whose files are profiled line by line.
        text: the snippet to write to ``argument`` first; None for scripts and modules.
    """

    target: Target
    kind: Literal["script", "code", "module"]
    argument: str
    cwd: Path
    program_path: Path
    text: str | None = None


def script(path: str | Path, roots: Sequence[Path] | None, *, check_syntax: bool) -> Runnable:
    """A script file.

    Args:
        path: absolute, or relative to the first root (to the working directory without roots).
        roots: real folders that the script's real path must lie in; None allows any.
        check_syntax: compile it here; pointless where another Python is to run it.

    Raises:
        OutsideRoots: the real path lies in none of the roots.
        ScriptNotFound: there is no such file.
        BadScript: it is a folder or a device, binary, too large, or not valid Python.
    """
    given = Path(path).expanduser() if roots is None else Path(path)
    base = roots[0] if roots else Path.cwd()
    real = _real_path(base / given, str(path))
    root = containing_root(real, str(path), roots)
    text = _read(real, str(path))
    if check_syntax:
        _check_syntax(text, str(real))
    target = Target(
        kind="script", name=str(real), path=str(real), source=text, sha256=_digest(text)
    )
    return Runnable(
        target=target,
        kind="script",
        argument=str(real),
        cwd=real.parent,
        program_path=root if root is not None else real.parent,
    )


def code(text: str, folder: Path) -> Runnable:
    """A snippet, to be written to ``folder``.

    Raises:
        BadScript: it is empty, too large, or not valid Python.
    """
    if not text.strip():
        raise BadScript("The code is empty.")
    if len(text.encode("utf-8", errors="replace")) > MAX_SOURCE_BYTES:
        raise BadScript(f"The code is over {MAX_SOURCE_BYTES} bytes.")
    _check_syntax(text, CODE_NAME)
    target = Target(kind="code", name="<code>", path=None, source=text, sha256=_digest(text))
    return Runnable(
        target=target,
        kind="code",
        argument=str(folder / CODE_NAME),
        cwd=folder,
        program_path=folder,
        text=text,
    )


def module(name: str, roots: Sequence[Path] | None) -> Runnable:
    """A module, as ``python -m`` runs it in the first root (in the working directory without).

    Raises:
        InvalidParams: ``name`` is no dotted name.
    """
    if not _MODULE.fullmatch(name):
        raise InvalidParams(
            f"'{name}' is no module name: expected something like 'package.module'."
        )
    folder = Path(os.path.realpath(roots[0] if roots else Path.cwd()))
    target = Target(kind="module", name=name, path=None, source=None, sha256=None)
    return Runnable(target=target, kind="module", argument=name, cwd=folder, program_path=folder)


def containing_root(real: Path, given: str, roots: Sequence[Path] | None) -> Path | None:
    """The innermost root that holds ``real``; None where any path is allowed.

    Raises:
        OutsideRoots: none does.
    """
    if roots is None:
        return None
    holding = [root for root in map(_resolved, roots) if real.is_relative_to(root)]
    if not holding:
        allowed = ", ".join(str(root) for root in roots) or "none"
        raise OutsideRoots(
            f"'{given}' is outside the allowed roots ({allowed}). "
            "Start with --root, or set DYNOGATE_ROOTS."
        )
    return max(holding, key=lambda root: len(root.parts))


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _real_path(path: Path, given: str) -> Path:
    if "\0" in given:
        raise ScriptNotFound(f"{given!r} is no path.")
    return _resolved(path)


def _read(path: Path, given: str) -> str:
    """The text of the file at a real path, opened once and never through a last-moment link."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ScriptNotFound(f"There is no file '{given}'.") from error
    except OSError as error:
        raise BadScript(f"'{given}' cannot be read: {error.strerror}.") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise BadScript(f"'{given}' is {kind}; expected a Python file.")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MAX_SOURCE_BYTES + 1)
    if len(content) > MAX_SOURCE_BYTES:
        raise BadScript(f"'{given}' is over {MAX_SOURCE_BYTES} bytes; is it Python?")
    if b"\0" in content:
        raise BadScript(f"'{given}' is a binary file (it holds NUL bytes), not Python.")
    return _decode(content, given)


def _decode(content: bytes, given: str) -> str:
    """Decode as Python does: byte-order mark, PEP 263 cookie, UTF-8."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        raise BadScript(f"'{given}' cannot be decoded as Python source: {error}.") from error


def _check_syntax(text: str, name: str) -> None:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise bad_syntax(name, error.lineno, error.msg, error.text) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise BadScript(f"'{name}' cannot be compiled: {error}.") from error


def bad_syntax(name: str, lineno: int | None, problem: str, text: str | None) -> BadScript:
    """The error for source that the interpreter cannot parse, with the place and its text."""
    place = f"{name}:{lineno}" if lineno else name
    shown = f": {text.strip()[:200]}" if text and text.strip() else ""
    return BadScript(
        f"Syntax error at {place}: {problem}{shown}",
        data={"file": name, "lineno": lineno, "text": text, "problem": problem},
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def same_python(python: str | None) -> bool:
    """Whether scripts run under the interpreter that runs us, so that its grammar is ours."""
    return python is None or os.path.realpath(python) == os.path.realpath(sys.executable)

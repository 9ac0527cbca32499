"""The trees that are compared: the one at hand, and the one it came from."""

import compileall
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
_MAINLINES = ("main", "origin/main")
PACKAGE = "server/dynogate"
_KEPT = ("PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR")


class NotMeasured(RuntimeError):
    """There is no answer: a tool, a tree or a figure is missing. The message says which."""


class BadRevision(ValueError):
    """What was named is no commit of this repository."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One state of the code.

    Attributes:
        name: what it is called in tables.
        folder: the root of a checkout, of which only ``server/dynogate`` has to be there.
    """

    name: str
    folder: Path

    def environment(self) -> Mapping[str, str]:
        """What a process needs to import ``dynogate`` from here, and nothing that differs by
        the day: no settings, no coverage, no seed for hashes but one."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": str(self.folder / "server"),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }


HERE = Tree("this tree", ROOT)


def base_revision(wanted: str | None = None, *, root: Path = ROOT) -> str:
    """The commit to compare with: ``wanted``, or where this branch left the main line.

    On the main line itself that is the last commit where files of the package are not committed
    yet, otherwise the one before.

    Raises:
        BadRevision: ``wanted`` is no commit.
        NotMeasured: this is no repository, or its history is cut off before there.
    """
    if wanted is not None:
        found = _git(root, "rev-parse", "--verify", "--quiet", f"{wanted}^{{commit}}")
        if found is None:
            raise BadRevision(f"{wanted!r} is no commit of this repository")
        return found
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        raise NotMeasured(f"{root} is no git repository: there is nothing to compare with")
    for line in _MAINLINES:
        found = _git(root, "merge-base", "HEAD", line)
        if found is not None:
            return found if found != head else _before(root, head)
    raise NotMeasured("the history has no branch main, or is cut off before this one left it")


def _before(root: Path, head: str) -> str:
    if _git(root, "status", "--porcelain", "--", PACKAGE):
        return head
    found = _git(root, "rev-parse", "--verify", "--quiet", "HEAD^")
    if found is None:
        raise NotMeasured("this is the first commit, or the history is cut off before it")
    return found


@contextmanager
def checked_out(revision: str, *, root: Path = ROOT) -> Iterator[Tree]:
    """The package as it was in ``revision``, in a folder that goes away.

    Raises:
        NotMeasured: that commit has no package.
    """
    archive = subprocess.run(
        ["git", "-C", str(root), "archive", revision, PACKAGE], capture_output=True
    )
    if archive.returncode:
        raise NotMeasured(f"{revision[:12]}: {archive.stderr.decode(errors='replace').strip()}")
    with TemporaryDirectory(prefix="regression-") as name:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(name, filter="data")
        yield prepared(Tree(revision[:12], Path(name)))


def has_renewed(revision: str, file: Path, *, root: Path = ROOT) -> bool:
    """Whether ``file`` differs, as it lies here, from what it was in ``revision``."""
    return _git(root, "diff", "--quiet", revision, "--", str(file)) is None


def prepared(tree: Tree) -> Tree:
    """The same, compiled, so that no measurement pays for that."""
    compileall.compile_dir(tree.folder / "server", quiet=1)
    return tree


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, or None where it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None

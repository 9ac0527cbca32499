"""What a path that somebody is typing may become: a script that could be profiled, or a folder."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from dynogate.errors import OutsideRoots
from dynogate.profiling.capture.targets import containing_root

_LOOKED_AT = 10_000
"""Entries of a folder that are looked at: completing is no search."""


def typed_scripts(typed: str, roots: Sequence[Path] | None) -> list[str]:
    """Scripts and folders (they end in ``/``) that begin as ``typed``, in alphabetical order.

    Args:
        typed: absolute, or relative to the first root (to the working directory without roots).
        roots: real folders that what is told must lie in; None allows any.
    """
    head, tail = os.path.split(typed)
    base = roots[0] if roots else Path.cwd()
    try:
        folder = Path(os.path.realpath(base / head))
        containing_root(folder, head, roots)
        with os.scandir(folder) as entries:
            names = sorted(_fitting(islice(entries, _LOOKED_AT), tail, roots))
    except OutsideRoots:
        return sorted(f"{root}/" for root in roots or () if f"{root}/".startswith(typed))
    except (OSError, ValueError):  # no such folder, or no name of one
        return []
    return [typed.removesuffix(tail) + name for name in names]


def _fitting(
    entries: Iterator["os.DirEntry[str]"], tail: str, roots: Sequence[Path] | None
) -> Iterator[str]:
    for entry in entries:
        if not entry.name.startswith(tail) or (entry.name.startswith(".") and not tail):
            continue
        is_folder = entry.is_dir()
        if (is_folder or entry.name.endswith(".py")) and _is_allowed(entry, roots):
            yield f"{entry.name}/" if is_folder else entry.name


def _is_allowed(entry: "os.DirEntry[str]", roots: Sequence[Path] | None) -> bool:
    try:
        containing_root(Path(os.path.realpath(entry.path)), entry.name, roots)
    except OutsideRoots:
        return False
    return True

"""Temporary folders that are gone afterwards, whatever was done to them."""

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dynogate.errors import StoreUnavailable
from dynogate.jobs.records import owner_is_alive, this_owner

_PREFIX = "dynogate-"
_ROOM = 32 << 20  # bytes; some profiles and their reports


@contextlib.contextmanager
def scratch_dir() -> Iterator[Path]:
    """A new folder (mode 0700) under the system's temporary folder, removed with the block.

    Removed even where a job deleted it, took its permissions away or put a link in its place.
    The first call in a process also removes what processes that were killed have left there.
    """
    _remove_abandoned()
    name = f"{_PREFIX}{this_owner().replace(':', '+')}-"
    path = Path(tempfile.mkdtemp(prefix=name)).resolve()
    try:
        yield path
    finally:
        remove_tree(path)


def remove_tree(path: Path) -> None:
    """Remove a folder that its owner may have made unreadable; a link goes, its target stays."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(OSError):
        path.chmod(0o700)
    for folder, inner, _ in os.walk(path):
        for entry in inner:
            below = Path(folder, entry)
            if not below.is_symlink():
                with contextlib.suppress(OSError):
                    below.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def check_room() -> None:
    """See that jobs can have scratch folders.

    Raises:
        StoreUnavailable: the system's temporary folder cannot be written, or is nearly full.
    """
    folder = tempfile.gettempdir()
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreUnavailable(f"the temporary folder {folder} cannot be written; set TMPDIR")
    room = shutil.disk_usage(folder).free
    if room < _ROOM:
        raise StoreUnavailable(
            f"the temporary folder {folder} has {room >> 20} MB left; jobs need {_ROOM >> 20}"
        )


@functools.cache
def _remove_abandoned() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*+*+*-*"):
        owner = path.name.removeprefix(_PREFIX).rpartition("-")[0].replace("+", ":")
        if path.lstat().st_uid == os.getuid() and owner_is_alive(owner) is False:
            remove_tree(path)

"""Putting a row of ``bad_programs`` to a gateway, and seeing what it leaves behind."""

from pathlib import Path
from typing import Any

import psutil

from tests.e2e.bad_programs import Row
from tests.live import Live


def prepare(row: Row, root: Path) -> dict[str, Any]:
    """Write the row's files; its arguments, with the root filled in."""
    for name, content in row.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    link = root / "link.py"
    if not link.is_symlink():
        link.symlink_to("/etc/passwd")
    return {
        name: value.replace("{root}", str(root)) if isinstance(value, str) else value
        for name, value in row.arguments.items()
    }


def call(live: Live, row: Row, root: Path) -> Any:
    """The gateway's answer to the row, as an HTTP response."""
    request = {"jsonrpc": "2.0", "id": 1, "method": row.tool, "params": prepare(row, root)}
    return live.post(request)


def processes(live: Live, scratch: Path) -> list[str]:
    """What runs below the gateway, or names its scratch folder: the lines of a ``ps``."""
    assert live.process is not None
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == live.process.pid or process.status() == psutil.STATUS_ZOMBIE:
                continue
            ours = any(parent.pid == live.process.pid for parent in process.parents())
            if ours or str(scratch) in " ".join(process.cmdline()):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found

"""Print what bad input gets, and what it leaves: ``python -m tests.e2e [--sandbox on|off]``.

A row for each program or argument: HTTP status, JSON-RPC code and message (or the outcome of the
profile), and the processes below the gateway before the call, during it and after it.
"""

import argparse
import tempfile
import threading
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.e2e.attempt import call, processes
from tests.e2e.bad_programs import ROWS, Row
from tests.live import Live, as_process

_LOOK_SEC = 0.1


def main() -> None:
    """Run every row against a gateway of our own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--sandbox", choices=("on", "off"), default="on")
    sandbox = parser.parse_args().sandbox
    table = Table("bad input", "status", "code", "said", "before", "most", "after", "files left")
    with tempfile.TemporaryDirectory() as folder:
        root, data, scratch = (Path(folder).resolve() / name for name in ("root", "data", "tmp"))
        for path in (root, data, scratch):
            path.mkdir()
        env = {"DYNOGATE_JOB_MEMORY_MB": "600", "TMPDIR": str(scratch)}
        with as_process(data, "--root", str(root), "--sandbox", sandbox, env=env) as live:
            for row in ROWS:
                table.add_row(*_measure(live, row, root, scratch))
    Console(width=170).print(table)


def _measure(live: Live, row: Row, root: Path, scratch: Path) -> tuple[str, ...]:
    before = len(processes(live, scratch))
    most, over = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(_LOOK_SEC):
            most = max(most, len(processes(live, scratch)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = call(live, row, root)
    over.set()
    watcher.join()
    after, files = len(processes(live, scratch)), len(list(scratch.iterdir()))
    body = answer.json()
    if "error" in body:
        code, said = str(body["error"]["code"]), body["error"]["message"]
    else:
        code, said = "result", body["result"]["content"][0]["text"]
    line = said.partition("\n")[0].replace(str(root), "ROOT")
    counts = map(str, (before, most, after, files))
    return (row.name, str(answer.status_code), code, line[:72], *counts)


if __name__ == "__main__":
    main()

"""Attack a gateway in every way that we know, and print what came back.

``python -m tests.e2e.security [WORDS]`` runs the attacks whose names contain the words, or all. The
last columns tell what the process held before and after each: memory, open files, threads, tasks.
"""

import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.e2e.attacks import Attack, http_attacks
from tests.e2e.attacks_sessions import session_attacks
from tests.e2e.attacks_sockets import socket_attacks
from tests.e2e.target import Figures, Target, target

SETTLE_SEC = 5.0
ROOM_MB = 24  # what an allocator may keep of a request of 5 MB, and of a table of headers


def attacks() -> list[Attack]:
    """Every row."""
    return http_attacks() + session_attacks() + socket_attacks()


def settled(attacked: Target, before: Figures) -> Figures:
    """What the process holds once nothing of an attack is left, or after some seconds."""
    deadline = time.monotonic() + SETTLE_SEC
    while True:
        after = attacked.figures()
        is_back = after.files <= before.files and after.tasks <= before.tasks
        if is_back or time.monotonic() > deadline:
            return after
        time.sleep(0.05)


def is_unharmed(before: Figures, after: Figures) -> bool:
    """Whether an attack left nothing behind; threads are a pool's, which grows to its size."""
    return (
        after.files <= before.files
        and after.tasks <= before.tasks
        and after.rss_mb <= before.rss_mb + ROOM_MB
    )


def main() -> None:
    """Run them and print the table."""
    wanted = [
        attack
        for attack in attacks()
        if all(word in f"{attack.way} {attack.name}" for word in sys.argv[1:])
    ]
    table = Table("attack", "way", "came back", "", "RSS MB", "files", "threads", "tasks")
    bad = 0
    with tempfile.TemporaryDirectory() as folder, target(Path(folder)) as attacked:
        first = attacked.figures()
        for attack in wanted:
            before = attacked.figures()
            got = attack.send(attacked)
            after = settled(attacked, before)
            good = got in attack.expected and is_unharmed(before, after)
            bad += not good
            table.add_row(attack.name, attack.way, got, "" if good else "!", *_cells(before, after))
        last = attacked.figures()
        table.add_row("all of them", "", "", "", *_cells(first, last))
    Console(width=150).print(table)
    print(f"{len(wanted)} attacks, {bad} not answered as they should be")
    sys.exit(1 if bad else 0)


def _cells(before: Figures, after: Figures) -> tuple[str, ...]:
    return (
        f"{before.rss_mb:.1f} {after.rss_mb:.1f}",
        f"{before.files} {after.files}",
        f"{before.threads} {after.threads}",
        f"{before.tasks} {after.tasks}",
    )


if __name__ == "__main__":
    main()

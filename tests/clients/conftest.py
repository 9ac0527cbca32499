"""A gateway that clients of all kinds visit, and what every visit must have come to."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.live import Live, as_process

ROOT = Path(__file__).resolve().parents[2]
NODE_FOLDER = ROOT / ".venv/node"

BUSY = """\
def spin():
    total = 0
    for i in range(12_000_000):
        total += i * i % 7
    return total


spin()
"""

ENDLESS = "while True:\n    sum(range(1000))\n"


@dataclass
class Place:
    """A gateway, and two scripts in its root."""

    live: Live
    script: Path
    endless: Path

    def check(self, visit: dict[str, Any]) -> None:
        """What a visit must have seen, whichever client made it; and that nothing runs on."""
        assert {"profile_script", "get_cpu_hotspots", "list_profiles"} <= set(visit["tools"])
        assert visit["outcome"] == "completed"
        assert "busy.py" in visit["text"]
        assert visit["progress"] >= 1
        assert visit["not_cancelled"] is None
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """A cancelled call must have taken its job with it."""
        deadline = time.monotonic() + 15
        while (jobs := self.live.get("/status").json()["jobs"]) != {"running": 0, "queued": 0}:
            assert time.monotonic() < deadline, f"still there: {jobs}"
            time.sleep(0.1)


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway as a process of its own."""
    root = tmp_path_factory.mktemp("root").resolve()
    script, endless = root / "busy.py", root / "endless.py"
    script.write_text(BUSY)
    endless.write_text(ENDLESS)
    # The TypeScript client in its legacy mode hangs up on its own notifications/cancelled where it
    # is closed right after: then the gateway notices that nobody comes back for the answer.
    env = {"DYNOGATE_RESUME_SEC": "3"}
    with as_process(tmp_path_factory.mktemp("data"), "--root", str(root), env=env) as live:
        yield Place(live, script, endless)


def node(*arguments: str) -> str:
    """What a script of ``tests/node``, or of a package installed for it, printed.

    It runs from a copy in the folder of the packages: Node looks for them beside the script.
    """
    if arguments[0].endswith(".mjs"):
        copy = NODE_FOLDER / arguments[0]
        copy.write_bytes((ROOT / "tests/node" / arguments[0]).read_bytes())
    ran = subprocess.run(
        [str(ROOT / ".venv/bin/node"), *arguments],
        cwd=NODE_FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def visit_of(output: str) -> dict[str, Any]:
    """What ``investigate.mjs`` said."""
    said: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    return said

"""Runs the official MCP conformance suite and reads what it found."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tests.live import as_process

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / ".venv/bin/node"
SUITE = ROOT / ".venv/node/node_modules/@modelcontextprotocol/conformance/dist/index.js"

REQUIREMENTS = ("2026-07-28", "2025-11-25")
"""The sets that are run: exactly what each revision of the specification requires."""

FIXTURES = "tests.conformance.fixtures:toolset"

_LIMIT_SEC = 600


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one scenario.

    Attributes:
        status: ``SUCCESS``, ``FAILURE``, ``WARNING``, ``SKIPPED`` or ``INFO``, as the suite has it.
        problem: what was wrong, where something was.
    """

    scenario: str
    name: str
    status: str
    problem: str


def judge(folder: Path, *selection: str) -> list[Check]:
    """Every check of a selection, made of a gateway that has what the suite expects of a server.

    Args:
        folder: where the gateway keeps its data, and the suite its results.
        selection: the suite's own options, such as ``--requirements 2026-07-28``.
    """
    data = folder / f"data-{selection[1]}"
    data.mkdir()
    env = {"DYNOGATE_TOOLSETS": FIXTURES, "DYNOGATE_RATE_LIMIT": "off"}
    output = folder / selection[1]
    with as_process(data, env=env) as live:
        run_suite(f"{live.url}/mcp", output, *selection)
    return read_checks(output)


def run_suite(url: str, output: Path, *selection: str) -> str:
    """Run the suite against the MCP endpoint at ``url``; what it printed.

    Args:
        output: an empty folder for its results.
        selection: its own options, such as ``--requirements 2026-07-28``.

    Raises:
        RuntimeError: it did not run to its end.
    """
    command = [str(NODE), str(SUITE), "server", "--url", url, "--output-dir", str(output)]
    ran = subprocess.run(
        [*command, *selection],
        capture_output=True,
        text=True,
        check=False,
        timeout=_LIMIT_SEC,
        env={**os.environ, "NO_COLOR": "1"},
    )
    if not any(output.glob("*/checks.json")):
        raise RuntimeError(f"the conformance suite wrote no results:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def read_checks(output: Path) -> list[Check]:
    """Every check in the folder that the suite wrote to, by scenario."""
    checks = []
    for path in sorted(output.glob("*/checks.json")):
        scenario = path.parent.name.removeprefix("server-").rsplit("-", 6)[0]
        found: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes())
        checks += [
            Check(scenario, each["id"], each["status"], each.get("errorMessage", ""))
            for each in found
        ]
    return checks

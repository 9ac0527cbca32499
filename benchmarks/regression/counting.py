"""How many instructions the hot paths of a tree take, by Callgrind.

A count hardly knows the machine's moods (two runs of the same code differ by about a thousandth),
but does know the interpreter and the processor's features: compare counts of one machine only.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.regression.trees import ROOT, NotMeasured, Tree

WORKER = "benchmarks.regression.worker"
_LIMIT_SEC = 600.0
_NAME = re.compile(r"^desc: Trigger: Client Request: (\S+)$", re.MULTILINE)
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of one tree.

    Attributes:
        counts: instructions of each path.
        missing: which paths the tree does not have, and why.
    """

    counts: Mapping[str, int]
    missing: Mapping[str, str]


def count(trees: Sequence[Tree], names: Sequence[str]) -> list[Counted]:
    """Count the paths of each of ``trees``, all trees at once.

    Raises:
        NotMeasured: there is no Valgrind, or it failed or took too long.
    """
    require_valgrind()
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda tree: _count(tree, names), trees))


def _count(tree: Tree, names: Sequence[str]) -> Counted:
    with TemporaryDirectory(prefix="callgrind-") as folder:
        command = [
            *_without_randomness(),
            *("valgrind", "--tool=callgrind", "--quiet", "--instr-atstart=no"),
            f"--callgrind-out-file={folder}/out",
            *(sys.executable, "-m", WORKER, "count", *names),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=tree.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LIMIT_SEC,
            )
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"{tree.name} was not counted in {_LIMIT_SEC:g} s") from None
        if done.returncode:
            raise NotMeasured(f"{tree.name} could not be counted:\n{done.stderr[-2000:]}")
        missing = introduced(tree, done.stdout.partition("\n")[0])
        return Counted(_least(Path(folder)), missing)


def require_valgrind() -> None:
    """See that there is one.

    Raises:
        NotMeasured: there is none.
    """
    if shutil.which("valgrind") is None:
        raise NotMeasured("valgrind is not installed: scripts/install-system")


def introduced(tree: Tree, line: str) -> Mapping[str, str]:
    """Which paths a worker lacks, by its first line.

    Raises:
        NotMeasured: it runs the code of another tree.
    """
    told = json.loads(line)
    if not Path(told["dynogate"]).is_relative_to(tree.folder):
        raise NotMeasured(f"{tree.name}: dynogate was imported from {told['dynogate']}")
    missing: Mapping[str, str] = told["missing"]
    return missing


def _least(folder: Path) -> dict[str, int]:
    """The least count of each name among the dumps."""
    least: dict[str, int] = {}
    for file in folder.iterdir():
        text = file.read_text()
        name, total = _NAME.search(text), _TOTAL.search(text)
        if name is not None and total is not None:  # the last dump is that of the end
            least[name[1]] = min(int(total[1]), least.get(name[1], sys.maxsize))
    return least


@cache
def _without_randomness() -> tuple[str, ...]:
    """The command that switches off address space layout randomisation, where that is allowed."""
    command = ("setarch", "-R")
    try:
        allowed = subprocess.run([*command, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    return command if allowed else ()

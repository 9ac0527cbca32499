"""The stored counts, and the machine that they are of."""

import hashlib
import json
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.regression.counting import require_valgrind
from benchmarks.regression.trees import ROOT

FILE = Path("benchmarks/regression/baseline.json")
"""Where the baseline is, from the root of a tree."""

# Of those that Valgrind hands on, the ones by which libraries choose their code.
_FEATURES = frozenset(
    ("abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "popcnt", "rdrand", "sse4_2", "ssse3")
)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a count depends on beside the code that is counted."""

    python: str
    interpreter: str
    libc: str
    valgrind: str
    processor: str


@dataclass(frozen=True, slots=True)
class Baseline:
    """Instructions of each path on one machine."""

    machine: Machine
    counts: Mapping[str, int]


def this_machine() -> Machine:
    """The one at hand; the interpreter goes by its file, since builds differ.

    Raises:
        NotMeasured: there is no Valgrind.
    """
    require_valgrind()
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True)
    return Machine(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        interpreter=hashlib.sha256(_interpreter().read_bytes()).hexdigest()[:16],
        libc=" ".join(platform.libc_ver()),
        valgrind=valgrind.stdout.strip(),
        processor=" ".join([platform.machine(), *sorted(_FEATURES & _flags())]),
    )


def read() -> Baseline | None:
    """What this tree stores, or None."""
    try:
        stored = json.loads((ROOT / FILE).read_text())
    except FileNotFoundError:
        return None
    return Baseline(Machine(**stored["machine"]), stored["counts"])


def write(baseline: Baseline) -> Path:
    """Store it in this tree."""
    path = ROOT / FILE
    path.write_text(json.dumps(asdict(baseline), indent=2) + "\n")
    return path


def differences(stored: Machine, here: Machine) -> str:
    """In what two machines differ, in words; empty where they do not."""
    mine, theirs = asdict(here), asdict(stored)
    return "; ".join(
        f"{name}: {theirs[name]}, here {mine[name]}" for name in mine if mine[name] != theirs[name]
    )


def _interpreter() -> Path:
    """The file that the interpreter's code is in."""
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        folder = Path(str(sysconfig.get_config_var("LIBDIR")))
        library = folder / str(sysconfig.get_config_var("INSTSONAME"))
        if library.is_file():
            return library
    return Path(sys.executable).resolve()


def _flags() -> frozenset[str]:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()

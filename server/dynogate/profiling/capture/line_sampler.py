"""The line sampler: py-spy, watching the program from a process of its own.

Scalene's signals reach a program only between some bytecodes (calls, loop ends), so that a line
of a loop gets its neighbours' time. py-spy reads the interpreter's own instruction pointer.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

RATE = 100


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample.

    Attributes:
        rate: samples a second of each thread.
        idle: also of threads that wait; without, waiting costs nothing.
    """

    rate: int = RATE
    idle: bool = False


def find_py_spy() -> str | None:
    """The py-spy executable beside this interpreter, or on the PATH; None where there is none."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.is_file() else shutil.which("py-spy")


def py_spy_command(output: Path, sampling: Sampling) -> list[str]:
    """The command, to which ``--pid`` is added; empty where py-spy is not installed.

    Not ``--function``, which would report the first line of each function. ``--nonblocking``: the
    program is never stopped; of code that does nothing but call, up to 3 % of the samples are lost
    because the stack changed while it was read (measured; stopping the program loses none, but
    every one of its threads would stop and go a hundred times a second).
    """
    executable = find_py_spy()
    if executable is None:
        return []
    return [
        executable,
        *("record", "--subprocesses", "--nonblocking", "--full-filenames"),
        *("--format", "speedscope", "--output", str(output)),
        *("--rate", str(sampling.rate)),
        *(["--idle"] if sampling.idle else []),
    ]

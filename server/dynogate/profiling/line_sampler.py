"""The line sampler: py-spy, watching the program from a process of its own.

Scalene's signals reach a program only between some bytecodes (calls, loop ends), so that a line
of a loop gets its neighbours' time. py-spy reads the interpreter's own instruction pointer.
"""

import shutil
import sys
from pathlib import Path

RATE = 100
"""Samples a second of each running thread."""


def find_py_spy() -> str | None:
    """The py-spy executable beside this interpreter, or on the PATH; None where there is none."""
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.is_file() else shutil.which("py-spy")


def py_spy_command(output: Path, *, rate: int = RATE, idle: bool = False) -> list[str]:
    """The command, to which ``--pid`` is added; empty where py-spy is not installed.

    Not ``--function``, which would report the first line of each function; ``--idle`` only where
    waiting is to be seen too. ``--nonblocking``: the program is never stopped.

    Args:
        output: where it writes its document.
        rate: samples a second.
        idle: whether threads that wait are sampled too.
    """
    executable = find_py_spy()
    if executable is None:
        return []
    return [
        executable,
        *("record", "--subprocesses", "--nonblocking", "--full-filenames"),
        *("--format", "speedscope", "--rate", str(rate), "--output", str(output)),
        *(("--idle",) if idle else ()),
    ]

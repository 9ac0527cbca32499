"""Runs one program under Scalene, in the interpreter whose profile is wanted.

Started by ``supervisor.py`` (``python entry.py JOB.json READY GO``; the last two are pipes to and
from it) with Scalene's environment already set, so that Scalene does not start a second process.
The program sees what it would see without a profiler: ``__main__`` is its own module, ``sys.argv``
its own arguments taken literally, ``sys.executable`` the real interpreter, and a traceback starts
at its own first frame.

Everything the profiler has to know and Scalene does not tell goes to side files named in the job:
``about`` (the interpreter, before the program starts), ``outcome`` (how it ended) and ``crash``.

Python 3.9 syntax, standard library and Scalene only: any interpreter may be the target.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import platform
import select
import signal
import sys
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    from dynogate.profiling.capture.child.program import Program, error_record, write_json
else:
    from program import Program, error_record, write_json

PR_SET_PDEATHSIG = 1
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = 2**64 - 1

EXIT_NO_SCALENE = 97
EXIT_BAD_SCRIPT = 98


def main(argv: list[str]) -> int:
    """Run the job described by the JSON file ``argv[1]``; returns the program's exit status."""
    ready, go = int(argv[2]), int(argv[3])
    with open(argv[1], encoding="utf-8") as file:
        job = json.load(file)
    prepare_process(job["forget_env"])
    # The file stays open for good: a crash writes to its descriptor.
    faulthandler.enable(open(job["crash"], "w"), all_threads=False)  # noqa: SIM115
    announce(ready)
    write_json(job["about"], _about())
    try:
        scalene_profiler = importlib.import_module("scalene.scalene_profiler")
        host = importlib.import_module("host")
    except ImportError as error:
        write_json(job["outcome"], {"how": "no_scalene", "message": str(error)})
        return EXIT_NO_SCALENE
    leave_no_trace()
    program = Program(job)
    try:
        program.compile()
    except (SyntaxError, ValueError) as error:
        write_json(job["outcome"], {"how": "bad_script", "error": error_record(error, None)})
        return EXIT_BAD_SCRIPT
    scalene = host.ScaleneHost(scalene_profiler, job)
    wait_for_sampler(go, job["wait_sec"])
    return int(scalene.profile(program))


def prepare_process(forget_env: list[str]) -> None:
    """Make this process end with its parent, and readable by the sampler."""
    for name in forget_env:
        os.environ.pop(name, None)
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _allow_tracing()
        os.register_at_fork(after_in_child=_allow_tracing)


def leave_no_trace() -> None:
    """Give the program's own modules their names back, and write no files into its folder."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name != "__main__" and file and os.path.dirname(os.path.abspath(file)) == here:
            del sys.modules[name]
    sys.dont_write_bytecode = True


def announce(ready: int) -> None:
    """Tell the supervisor that the interpreter is up and may be sampled."""
    os.write(ready, b"r")
    os.close(ready)


def wait_for_sampler(go: int, wait_sec: float) -> None:
    """Wait until the line sampler watches, or until ``wait_sec`` have passed."""
    select.select([go], [], [], wait_sec)
    os.close(go)


def _allow_tracing() -> None:
    """Let the sampler, which is no ancestor of ours, read this process (Yama's scope 1)."""
    _prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)


def _prctl(option: int, value: int) -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _about() -> dict[str, Any]:
    """The interpreter, for the profile's record."""
    return {
        "python": sys.executable,
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        "scalene_version": _scalene_version(),
    }


def _scalene_version() -> Union[str, None]:
    try:
        return str(importlib.import_module("scalene.scalene_config").scalene_version)
    except ImportError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv))

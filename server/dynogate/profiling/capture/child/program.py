"""The program itself: compiled once, run as ``__main__``, and how it ended.

Shared by ``entry.py`` (under Scalene) and ``timed.py`` (without a profiler).
Python 3.9 syntax and standard library only: any interpreter may be the target.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import sys
import threading
import time
import traceback
import types
from typing import Any, Optional

LOOP_CPU_SEC = 1.0
LOOP_WALL_SEC = 3.0

# Scalene replaces it for the program, whose file names it would change.
_exec = builtins.exec


class NoSuchModule(Exception):
    """``python -m`` would not find it, or could not run it."""


class Program:
    """One program, from the orders ``kind``, ``target``, ``args``, ``repeat`` and ``loop``.

    Attributes:
        how: ``started``, then ``returned``, ``exited``, ``raised`` or ``no_module``; others set
            ``left`` and ``terminated``.
        status: the exit status, once it is known.
        runs: how often it ran to its end.
        error: the exception it ended with, as JSON.
        elapsed_sec, cpu_sec: used between the start and ``stop_clock``, all runs together.
        queued_sec: how long the main thread was ready to run meanwhile and had no CPU.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.runs = 0
        self.how = "started"
        self.status: Optional[int] = None
        self.error: Optional[dict[str, Any]] = None
        self.elapsed_sec = self.cpu_sec = self.queued_sec = 0.0
        self._started = self._cpu_before = self._queued_before = 0.0
        self._code: Optional[types.CodeType] = None

    def compile(self) -> None:
        """Compile the script; a module is compiled when it runs.

        Raises:
            SyntaxError: it is not Python.
            ValueError: it holds NUL bytes.
        """
        if self.job["kind"] != "module":
            with open(self.job["target"], "rb") as file:
                self._code = compile(file.read(), self.job["target"], "exec", dont_inherit=True)

    def guarded_run(self) -> None:
        """Run it, and write down how it ended; always leaves with ``SystemExit`` and an int."""
        self._started, self._cpu_before = time.perf_counter(), cpu_seconds()
        self._queued_before = _queued_seconds()
        try:
            self._run()
        except SystemExit as ending:
            status = _exit_status(ending.code)
            self.how = "exited"
        except NoSuchModule as error:
            status = 1
            self.how = "no_module"
            self.error = error_record(error, None)
        except BaseException as error:
            status = 130 if isinstance(error, KeyboardInterrupt) else 1
            self.how = "raised"
            own = _own_traceback(error.__traceback__)
            self.error = error_record(error, own)
            _report(error, own)
        else:
            status = 0
            self.how = "returned"
        self.status = status
        self.stop_clock()
        raise SystemExit(status)

    def stop_clock(self) -> None:
        """Note the time used so far, the profiler's own part of it included."""
        self.elapsed_sec = time.perf_counter() - self._started
        self.cpu_sec = cpu_seconds() - self._cpu_before
        self.queued_sec = _queued_seconds() - self._queued_before

    def ending(self) -> dict[str, Any]:
        """How it ended, for the profiler."""
        return {
            "how": self.how,
            "status": self.status,
            "runs": self.runs,
            "error": self.error,
            "cpu_sec": self.cpu_sec,
            "elapsed_sec": self.elapsed_sec,
            "queued_sec": self.queued_sec,
        }

    def _run(self) -> None:
        folder, path = os.getcwd(), list(sys.path)
        while True:
            self._run_once()
            self.runs += 1
            if not self._again():
                break
            _silence_output()
            sys.path[:] = path
            with contextlib.suppress(OSError):
                os.chdir(folder)
        _join_threads()

    def _again(self) -> bool:
        repeat = self.job["repeat"]
        if repeat is not None:
            return bool(self.runs < repeat)
        self.stop_clock()
        return self.job["loop"] and self.cpu_sec < LOOP_CPU_SEC and self.elapsed_sec < LOOP_WALL_SEC

    def _run_once(self) -> None:
        main_module = types.ModuleType("__main__")
        sys.modules["__main__"] = main_module
        sys.argv = [self.job["target"], *self.job["args"]]
        if self._code is None:
            self._run_module(main_module)
            return
        main_module.__dict__.update(
            __file__=self.job["target"], __builtins__=builtins, __cached__=None
        )
        _exec(self._code, main_module.__dict__)

    def _run_module(self, main_module: types.ModuleType) -> None:
        """As ``python -m`` does; runpy's public functions would not leave ``__main__`` in place."""
        import runpy

        sys.argv[0] = "-m"  # what imports of the package see, as under `python -m`
        details: Any = vars(runpy)["_get_module_details"]
        _, spec, code = details(self.job["target"], NoSuchModule)
        sys.argv[0] = spec.origin
        main_module.__dict__.update(
            __file__=spec.origin,
            __builtins__=builtins,
            __cached__=spec.cached,
            __loader__=spec.loader,
            __package__=spec.parent,
            __spec__=spec,
        )
        _exec(code, main_module.__dict__)


def cpu_seconds() -> float:
    """User and system seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _queued_seconds() -> float:
    """Time the main thread waited for a CPU (second field of schedstat, in ns); 0 if unknown."""
    try:
        with open("/proc/self/schedstat") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def error_record(error: BaseException, tb: Optional[types.TracebackType]) -> dict[str, Any]:
    """The exception as JSON; ``places`` are its frames, outermost first (the last 100)."""
    file: Optional[str] = None
    lineno: Optional[int] = None
    text: Optional[str] = None
    if isinstance(error, SyntaxError):
        file, lineno, text = error.filename, error.lineno, error.text
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(tb)]
    try:
        message = str(error)
    except Exception:
        message = "<the exception's own __str__ failed>"
    lines = traceback.format_exception(type(error), error, tb)
    return {
        "type": type(error).__qualname__,
        "message": message[:10_000],
        "traceback": _shorten("".join(lines)),
        "file": file,
        "lineno": lineno,
        "text": text,
        "places": places[-100:],
    }


def write_json(path: str, value: object) -> None:
    """Write in one step: a reader finds the whole file or none."""
    partial = path + ".partial"
    with open(partial, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(value, file)
    os.replace(partial, path)


def _exit_status(code: object) -> int:
    """The status of ``sys.exit(code)``; a message goes to stderr, as the interpreter does."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _own_traceback(tb: Optional[types.TracebackType]) -> Optional[types.TracebackType]:
    """The traceback from the program's first frame on; our frames and runpy's are left out."""
    ours = {__file__, "<frozen runpy>"}
    if "runpy" in sys.modules:
        ours.add(str(sys.modules["runpy"].__file__))
    while tb is not None and tb.tb_frame.f_code.co_filename in ours:
        tb = tb.tb_next
    return tb


def _report(error: BaseException, tb: Optional[types.TracebackType]) -> None:
    """Print an uncaught exception the way the program chose (``sys.excepthook``)."""
    try:
        sys.excepthook(type(error), error.with_traceback(tb), tb)
    except BaseException:
        traceback.print_exc()


def _shorten(text: str, limit: int = 20_000) -> str:
    if len(text) <= limit:
        return text
    return text[: limit // 2] + "\n  ... cut ...\n" + text[-limit // 2 :]


def _silence_output() -> None:
    """Send stdout and stderr of a repeated run nowhere: the first run has said it all."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _join_threads() -> None:
    """Wait for non-daemon threads while the profiler still watches (the interpreter does later)."""
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()

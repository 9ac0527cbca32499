"""Scalene, set up by its own parts instead of its command line.

Its command line matches the program's arguments by prefix, takes the first ``*.py`` among them
for the program, and prints to the program's stderr. The parts used here are those of Scalene
2.4.0 (``scalene_profiler.Scalene.run_profiler`` is the model); other versions are refused.

Python 3.9 syntax, standard library and Scalene only: any interpreter may be the target.
"""

from __future__ import annotations

import _thread
import contextlib
import importlib
import importlib.util
import os
import signal
import sys
import sysconfig
import time
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, Callable, Union

if TYPE_CHECKING:
    from dynogate.profiling.capture.child.program import Program, write_json
else:
    from program import Program, write_json

EXIT_TERMINATED = 128 + signal.SIGTERM

_KEPT = ("_exit", "exec", "fork", "kill", "popen", "posix_spawn", "spawn", "system", "wait")

BEAT_SEC = 0.1

# Scalene or the program may replace these; ours are the originals.
_exit = os._exit
_signal = signal.signal
_sleep = time.sleep

_Handler = Union[Callable[[int, Union[FrameType, None]], Any], int, signal.Handlers, None]


class ScaleneHost:
    """Scalene around one program."""

    def __init__(self, module: ModuleType, job: dict[str, Any]) -> None:
        """``module`` is ``scalene.scalene_profiler``."""
        self._scalene: Any = module.Scalene
        self._job = job
        self._pid = os.getpid()
        self._recorder = self._load_recorder()
        self._term_handler: _Handler = signal.SIG_DFL
        self._program: Union[Program, None] = None
        self._finished = False
        self._profiler = self._set_up()
        _silence()
        _speed_up_tracing(self._scalene._Scalene__tracing)
        self._take_over_endings()

    def profile(self, program: Program) -> int:
        """Profile ``program`` and give its exit status."""
        self._program = program
        self._write_outcome()
        stub = compile("run()", "<dynogate>", "exec")
        try:
            return int(self._profiler.profile_code(stub, {"run": self._run}, {}, self._job["args"]))
        finally:
            self._finished = True
            self._write_outcome()
            self._close_map_files()

    def _set_up(self) -> Any:
        executable, path, search = sys.executable, list(sys.path), os.environ["PATH"]
        options = importlib.import_module("scalene.scalene_arguments")
        arguments = options.ScaleneArguments(**self._job["scalene"])
        originals = [(owner, dict(vars(owner))) for owner in _owners_of_waiting()]
        self._choose_accelerator(arguments)
        self._scalene.set_initialized()
        self._scalene._process_args(arguments)
        self._scalene._Scalene__program_path = self._job["program_path"]
        self._scalene._Scalene__entrypoint_dir = self._job["program_path"]
        if arguments.memory:
            self._scalene._register_files_to_profile()
        profiler = self._scalene(arguments, self._job["target"])
        # Scalene makes `python` mean "python under Scalene" for child processes: four start-ups
        # each, and their arguments matched by prefix. The line sampler follows children anyway.
        for owner, original in originals:
            _restore(owner, original)
        sys.executable = executable
        sys.path[:] = [*self._job["sys_path"], *path]
        os.environ["PATH"] = search
        return profiler

    def _choose_accelerator(self, arguments: Any) -> None:
        accelerator: Any = None
        if arguments.gpu:
            nvidia = importlib.import_module("scalene.scalene_nvidia_gpu")
            accelerator = nvidia.ScaleneNVIDIAGPU()
        seen = accelerator is not None and accelerator.has_gpu()
        self._scalene._Scalene__accelerator = accelerator
        self._scalene._Scalene__output.gpu = seen
        self._scalene._Scalene__json.gpu = seen
        self._scalene._Scalene__json.gpu_device = accelerator.gpu_device() if seen else ""

    def _run(self) -> None:
        # After Scalene's start, which takes SIGTERM for itself.
        _signal(signal.SIGTERM, self._on_term)
        _thread.start_new_thread(self._beat, ())
        if self._recorder is not None:
            self._recorder.install(self._job["memory_output"])
        try:
            if self._program is not None:
                self._program.guarded_run()
        finally:
            self._stop_recorder()

    def _beat(self) -> None:
        """Make the main thread look for signals now and then, by wanting the interpreter's lock.

        A signal that the kernel gives to another thread (it does where the main thread is off
        the CPU with a signal pending) is noted, but the main thread is not told (CPython 3.11,
        ``_PyEval_SignalReceived``), and may miss its own. Then SIGTERM would be lost, or
        Scalene's timer, which the handler sets anew each time, would stop for good.
        """
        while not self._finished:
            _sleep(BEAT_SEC)

    def _load_recorder(self) -> Any:
        path = self._job["memory_recorder"]
        if path is None:
            return None
        spec = importlib.util.spec_from_file_location("dynogate_memory_recorder", path)
        if spec is None or spec.loader is None:
            return None
        recorder = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(recorder)
        return recorder

    def _stop_recorder(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None and os.getpid() == self._pid:
            recorder.finish()

    def _take_over_endings(self) -> None:
        """See to it that ``os._exit``, SIGTERM and SIGALRM mean what they mean elsewhere."""
        scalenes_signal, scalenes_after_fork = signal.signal, self._scalene.after_fork_in_child

        def signal_replacement(signum: int, handler: _Handler) -> _Handler:
            if signum != signal.SIGTERM or os.getpid() != self._pid:
                return scalenes_signal(signum, handler)
            previous, self._term_handler = self._term_handler, handler
            return previous

        def after_fork() -> None:
            scalenes_after_fork()
            if self._term_handler is not signal.SIG_DFL:
                _signal(signal.SIGTERM, self._term_handler)

        def alarm(seconds: int) -> int:
            # Scalene redirects setitimer's SIGALRM to the program, but forgot alarm's.
            return round(signal.setitimer(signal.ITIMER_REAL, seconds)[0])

        replacements: dict[str, Any] = {"signal": signal_replacement, "alarm": alarm}
        vars(signal).update(replacements)
        self._scalene.after_fork_in_child = staticmethod(after_fork)
        vars(os)["_exit"] = self._leave_now

    def _leave_now(self, status: int) -> None:
        """``os._exit``: no ``finally`` of the program runs, but the profile is written."""
        if not self._finished and self._program is not None:
            self._program.how = "left"
            self._program.status = status & 0xFF
            self._flush()
        _exit(status)

    def _on_term(self, signum: int, frame: Union[FrameType, None]) -> None:
        """Write what there is, then do what the program wants done on SIGTERM."""
        if os.getpid() != self._pid:
            self._scalene.term_signal_handler(signum, frame)
        if callable(self._term_handler):
            self._scalene.output_profile()
            self._term_handler(signum, frame)
        elif self._term_handler == signal.SIG_IGN:
            self._scalene.output_profile()
        else:
            if self._program is not None:
                self._program.how = "terminated"
            self._flush()
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            _exit(EXIT_TERMINATED)

    def _flush(self) -> None:
        if self._program is not None and os.getpid() == self._pid:
            self._program.stop_clock()
        with contextlib.suppress(Exception):
            self._stop_recorder()
        self._scalene.stop()
        self._scalene.output_profile()
        self._write_outcome()

    def _write_outcome(self) -> None:
        if self._program is not None and os.getpid() == self._pid:
            write_json(self._job["outcome"], self._program.ending())

    def _close_map_files(self) -> None:
        if os.getpid() != self._pid:
            return
        for name in ("_Scalene__malloc_mapfile", "_Scalene__memcpy_mapfile"):
            mapfile = getattr(self._scalene, name, None)
            if mapfile is not None:
                mapfile.close()
                mapfile.cleanup()


def _owners_of_waiting() -> list[Any]:
    """Where Scalene puts functions that wake up 200 times a second instead of waiting.

    They let signals through, which today's Python does by itself (PEP 475), and cost CPU time
    that the program would not use. Scalene also wraps all of ``os``.
    """
    import multiprocessing
    import multiprocessing.synchronize
    import selectors
    import threading

    modules = [multiprocessing.synchronize, selectors, threading, os]
    return [*modules, threading.Thread, multiprocessing.Process]


def _restore(owner: Any, original: dict[str, Any]) -> None:
    """Put the originals back, but for those that start processes or end this one.

    Scalene has to know of forks, and a fork that its timer interrupts starts over again.
    """
    for name, value in dict(vars(owner)).items():
        if name.startswith(_KEPT):
            continue
        if name not in original and isinstance(owner, type):
            delattr(owner, name)
        elif original.get(name, value) is not value:
            setattr(owner, name, original[name])


def _speed_up_tracing(tracing: Any) -> None:
    """Remember Scalene's answer to "is this file profiled?" for each file.

    Scalene asks in its signal handlers, remembers by file *and* function, and takes some 20 ms
    for each new pair (it lists every installation scheme). A program that calls many functions,
    as an import does, would spend most of its time there. The function matters only where
    ``@profile`` is in use.
    """
    ask = tracing.should_trace
    answers: dict[str, bool] = {}
    libraries = {
        os.path.realpath(path)
        for scheme in sysconfig.get_scheme_names()
        for path in sysconfig.get_paths(scheme).values()
    }

    def should_trace(filename: str, function: str) -> bool:
        if tracing._functions_to_profile:
            return bool(ask(filename, function))
        answer = answers.get(filename)
        if answer is None:
            answer = answers[filename] = bool(ask(filename, function))
        return answer

    def passes_exclusion_rules(filename: str) -> bool:
        if not tracing._args.profile_all:
            real = os.path.realpath(filename)
            if any(library in real for library in libraries):
                return False
        excluded = tracing._args.profile_exclude.split(",")
        return not any(part in filename for part in excluded if part)

    def cache_clear() -> None:
        answers.clear()
        ask.cache_clear()

    vars(should_trace)["cache_clear"] = cache_clear  # Scalene's own is an lru_cache
    tracing.should_trace = should_trace
    tracing._passes_exclusion_rules = passes_exclusion_rules


def _silence() -> None:
    """Keep chatter such as "profile saved to" out of the program's output."""
    for name, module in list(sys.modules.items()):
        if name.startswith("scalene."):
            vars(module)["print"] = _say_nothing


def _say_nothing(*_args: object, **_options: object) -> None:
    """Stand in for Scalene's ``print``."""

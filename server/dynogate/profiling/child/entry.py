"""Runs one program under Scalene, in the interpreter whose profile is wanted.

Started by path (``python entry.py JOB.json``) with Scalene's environment already set, so that
Scalene does not start a second process. The program sees what it would see without a profiler:
``__main__`` is its own module, ``sys.argv`` its own arguments taken literally, ``sys.executable``
the real interpreter, and a traceback starts at its own first frame.

Everything the profiler has to know and Scalene does not tell goes to side files named in the job:
``about`` (the interpreter, before the program starts) and ``outcome`` (how it ended).

Python 3.9 syntax, standard library and Scalene only: any interpreter may be the target.
"""

import atexit
import builtins
import contextlib
import faulthandler
import json
import os
import platform
import signal
import sys
import sysconfig
import threading
import time
import traceback
import types

PR_SET_PDEATHSIG = 1
PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = 2**64 - 1

EXIT_NO_SCALENE = 97
EXIT_BAD_SCRIPT = 98
EXIT_TERMINATED = 143

# Scalene replaces some of these; the program's own calls keep Scalene's, ours keep the originals.
_exec = builtins.exec
_exit = os._exit
_signal = signal.signal
_fork_safe_pid = os.getpid()


def main(argv):
    """Run the job described by the JSON file ``argv[1]`` and exit as the program did."""
    with open(argv[1], encoding="utf-8") as file:
        job = json.load(file)
    _prepare_process(job)
    _write_json(job["about"], _about())
    try:
        from scalene import scalene_profiler
    except ImportError as error:
        _write_json(job["outcome"], {"how": "no_scalene", "message": str(error)})
        sys.exit(EXIT_NO_SCALENE)
    sys.dont_write_bytecode = True  # a profiler leaves no files in the program's folder
    program = Program(job)
    try:
        program.compile()
    except (SyntaxError, ValueError) as error:
        _write_json(job["outcome"], {"how": "bad_script", "error": _error_record(error, None)})
        sys.exit(EXIT_BAD_SCRIPT)
    host = ScaleneHost(scalene_profiler, job)
    _wait_for_sampler(job)
    sys.exit(host.profile(program))


def _prepare_process(job):
    """Make this process end with its parent, readable by the sampler, and free of our traces."""
    sys.path.pop(0)
    for name in job["forget_env"]:
        os.environ.pop(name, None)
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _allow_tracing()
        os.register_at_fork(after_in_child=_allow_tracing)
    # The file stays open for good: a crash writes to its descriptor.
    faulthandler.enable(open(job["crash"], "w"))  # noqa: SIM115
    with open(job["ready"], "w"):
        pass


def _allow_tracing():
    """Let the sampler, which is no ancestor of ours, read this process (Yama's scope 1)."""
    _prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)


def _prctl(option, value):
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _about():
    """What the profiler must know of this interpreter to tell libraries from the program."""
    paths = sysconfig.get_paths()
    wanted = ("stdlib", "platstdlib", "purelib", "platlib")
    return {
        "python": sys.executable,
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        "scalene_version": _scalene_version(),
        "libraries": sorted({os.path.realpath(paths[name]) for name in wanted}),
    }


def _scalene_version():
    try:
        from scalene.scalene_config import scalene_version
    except ImportError:
        return None
    return scalene_version


def _wait_for_sampler(job):
    """Wait until the line sampler watches, or until ``wait_sec`` have passed."""
    deadline = time.perf_counter() + job["wait_sec"]
    while time.perf_counter() < deadline and not os.path.exists(job["attached"]):
        time.sleep(0.002)


class Program:
    """The program: compiled once, run as ``__main__`` once or several times."""

    def __init__(self, job):
        self.job = job
        self.runs = 0
        self.how = "returned"
        self.error = None
        self.status = None
        self.started = self.cpu_before = self.elapsed_sec = self.cpu_sec = 0.0
        self._code = None

    def compile(self):
        """Compile the script.

        Raises:
            SyntaxError: it is not Python.
            ValueError: it holds NUL bytes.
        """
        if self.job["kind"] == "module":
            return
        with open(self.job["target"], "rb") as file:
            source = file.read()
        self._code = compile(source, self.job["target"], "exec", dont_inherit=True)

    def run(self):
        """Run as often as the job says; leaves with ``SystemExit`` as the interpreter would."""
        started = time.perf_counter()
        while True:
            self._run_once()
            self.runs += 1
            if not self._again(time.perf_counter() - started):
                break
            _silence_output()
        _join_threads()

    def _again(self, elapsed):
        repeat = self.job["repeat"]
        if repeat is not None:
            return self.runs < repeat
        return self.job["loop"] and _cpu_seconds() < 1.0 and elapsed < 3.0

    def _run_once(self):
        main_module = types.ModuleType("__main__")
        sys.modules["__main__"] = main_module
        sys.argv = [self.job["target"], *self.job["args"]]
        if self.job["kind"] == "module":
            self._run_module(main_module)
            return
        main_module.__dict__.update(
            __file__=self.job["target"], __builtins__=builtins, __cached__=None
        )
        _exec(self._code, main_module.__dict__)

    def _run_module(self, main_module):
        import runpy

        name, spec, code = runpy._get_module_details(self.job["target"])
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

    def guarded_run(self):
        """``run``, with the way it ended written down; always leaves with an int status."""
        self.started, self.cpu_before = time.perf_counter(), _cpu_seconds()
        try:
            self.run()
        except SystemExit as ending:
            status = _exit_status(ending.code)
            self.how = "exited"
        except BaseException as error:
            status = 130 if isinstance(error, KeyboardInterrupt) else 1
            self.how = "raised"
            own = _own_traceback(error.__traceback__)
            self.error = _error_record(error, own)
            _report(error, own)
        else:
            status = 0
        self.status = status
        self.stop_clock()
        raise SystemExit(status)

    def stop_clock(self):
        """Note the time used so far, the profiler's own part of it included."""
        self.elapsed_sec = time.perf_counter() - self.started
        self.cpu_sec = _cpu_seconds() - self.cpu_before


def _exit_status(code):
    """The status of ``sys.exit(code)``; a message goes to stderr, as the interpreter does."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _own_traceback(tb):
    """The traceback from the program's first frame on; our frames and runpy's are left out."""
    ours = {__file__, sys.modules["runpy"].__file__ if "runpy" in sys.modules else __file__}
    while tb is not None and tb.tb_frame.f_code.co_filename in ours | {"<frozen runpy>"}:
        tb = tb.tb_next
    return tb


def _report(error, tb):
    """Print an uncaught exception the way the program chose (``sys.excepthook``)."""
    try:
        sys.excepthook(type(error), error.with_traceback(tb), tb)
    except BaseException:
        traceback.print_exc()


def _error_record(error, tb):
    """The exception as JSON; the place is the last frame, or the line that cannot be parsed."""
    file = lineno = None
    if isinstance(error, SyntaxError):
        file, lineno = error.filename, error.lineno
    for frame, line in traceback.walk_tb(tb):
        file, lineno = frame.f_code.co_filename, line
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
        "text": error.text if isinstance(error, SyntaxError) else None,
    }


def _shorten(text, limit=20_000):
    if len(text) <= limit:
        return text
    return text[: limit // 2] + "\n  ... cut ...\n" + text[-limit // 2 :]


def _cpu_seconds():
    """User and system seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _silence_output():
    """Send stdout and stderr of a repeated run nowhere: the first run has said it all."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _join_threads():
    """Wait for non-daemon threads while the profiler still watches (the interpreter does later)."""
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()


class ScaleneHost:
    """Scalene, set up by its own parts instead of its command line.

    Its command line matches the program's arguments by prefix, takes the first ``*.py`` among
    them for the program, and prints to the program's stderr.
    """

    def __init__(self, module, job):
        from scalene.scalene_arguments import ScaleneArguments

        self._scalene = module.Scalene
        self._job = job
        self._recorder = None
        self._term_handler = signal.SIG_DFL
        self._program = None
        self._finished = False
        # Chatter such as "profile saved to" is not the program's output.
        module.print = _say_nothing
        environment = {name: os.environ.get(name) for name in ("PATH",)}
        executable, path = sys.executable, list(sys.path)
        arguments = ScaleneArguments(**job["scalene"])
        self._choose_accelerator(arguments)
        self._scalene.set_initialized()
        self._scalene._process_args(arguments)
        program_path = job["program_path"]
        self._scalene._Scalene__program_path = program_path
        self._scalene._Scalene__entrypoint_dir = program_path
        if arguments.memory:
            self._scalene._register_files_to_profile()
        self._profiler = self._scalene(arguments, job["target"])
        sys.modules["scalene.replacement_signal_fns"].print = _say_nothing
        _speed_up_tracing(self._scalene._Scalene__tracing)
        # Scalene makes `python` mean "python under Scalene" for child processes: four start-ups
        # each, and their arguments matched by prefix. The sampler follows children anyway.
        sys.executable = executable
        sys.path[:] = [*job["sys_path"], *path]
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._take_over_endings()

    def profile(self, program):
        """Profile ``program`` and give its exit status."""
        self._program = program
        stub = compile("run()", "<dynogate>", "exec")
        try:
            status = self._profiler.profile_code(stub, {"run": self._run}, {}, self._job["args"])
        finally:
            self._finished = True
            self._write_outcome()
        for kind in ("malloc", "memcpy"):
            mapfile = getattr(self._scalene, "_Scalene__%s_mapfile" % kind, None)
            if mapfile is not None and os.getpid() == _fork_safe_pid:
                mapfile.close()
                mapfile.cleanup()
        return status

    def _run(self):
        # After Scalene's start, which takes SIGTERM for itself.
        _signal(signal.SIGTERM, self._on_term)
        self._start_recorder()
        try:
            self._program.guarded_run()
        finally:
            self._stop_recorder()

    def _start_recorder(self):
        if self._job["memory_recorder"] is None:
            return
        import importlib.util

        spec = importlib.util.spec_from_file_location(
            "dynogate_memory_recorder", self._job["memory_recorder"]
        )
        self._recorder = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._recorder)
        self._recorder.install(self._job["memory_output"])

    def _stop_recorder(self):
        recorder, self._recorder = self._recorder, None
        if recorder is not None and os.getpid() == _fork_safe_pid:
            recorder.finish()

    def _choose_accelerator(self, arguments):
        accelerator = None
        if arguments.gpu:
            from scalene.scalene_nvidia_gpu import ScaleneNVIDIAGPU

            accelerator = ScaleneNVIDIAGPU()
        seen = accelerator is not None and accelerator.has_gpu()
        self._scalene._Scalene__accelerator = accelerator
        self._scalene._Scalene__output.gpu = seen
        self._scalene._Scalene__json.gpu = seen
        self._scalene._Scalene__json.gpu_device = accelerator.gpu_device() if seen else ""

    def _take_over_endings(self):
        """See to it that ``os._exit``, SIGTERM and SIGALRM mean what they mean elsewhere."""
        scalenes_signal, scalenes_after_fork = signal.signal, self._scalene.after_fork_in_child

        def signal_replacement(signum, handler):
            if signum != signal.SIGTERM or os.getpid() != _fork_safe_pid:
                return scalenes_signal(signum, handler)
            previous, self._term_handler = self._term_handler, handler
            return previous

        def after_fork():
            scalenes_after_fork()
            if self._term_handler is not signal.SIG_DFL:
                _signal(signal.SIGTERM, self._term_handler)

        def alarm(seconds):
            # Scalene redirects setitimer's SIGALRM to the program, but forgot alarm's.
            return round(signal.setitimer(signal.ITIMER_REAL, seconds)[0])

        signal.signal = signal_replacement
        signal.alarm = alarm
        self._scalene.after_fork_in_child = staticmethod(after_fork)
        os._exit = self._leave_now

    def _leave_now(self, status):
        """``os._exit``: no ``finally`` of the program runs, but the profile is written."""
        if not self._finished and self._program is not None:
            self._program.how = "left"
            self._program.status = status & 0xFF
            self._flush()
        _exit(status)

    def _on_term(self, signum, frame):
        """Write what there is, then do what the program wants done on SIGTERM."""
        if os.getpid() != _fork_safe_pid:
            self._scalene.term_signal_handler(signum, frame)
        if callable(self._term_handler):
            self._scalene.output_profile()
            self._term_handler(signum, frame)
        elif self._term_handler is signal.SIG_IGN:
            self._scalene.output_profile()
        else:
            self._program.how = "terminated"
            self._flush()
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            _exit(EXIT_TERMINATED)

    def _flush(self):
        if os.getpid() == _fork_safe_pid:
            self._program.stop_clock()
        with contextlib.suppress(Exception):
            self._stop_recorder()
        self._scalene.stop()
        self._scalene.output_profile()
        self._write_outcome()

    def _write_outcome(self):
        program = self._program
        if os.getpid() != _fork_safe_pid:
            return
        _write_json(
            self._job["outcome"],
            {
                "how": program.how,
                "status": program.status,
                "runs": program.runs,
                "error": program.error,
                "cpu_sec": program.cpu_sec,
                "elapsed_sec": program.elapsed_sec,
            },
        )


def _speed_up_tracing(tracing):
    """Remember Scalene's answer to "is this file profiled?" for each file.

    Scalene asks in its signal handlers, remembers by file *and* function, and takes some 20 ms
    for each new pair (it lists every installation scheme). A program that calls many functions,
    as an import does, would spend most of its time there. The function matters only where
    ``@profile`` is in use.
    """
    ask, answers = tracing.should_trace, {}

    def should_trace(filename, function):
        if tracing._functions_to_profile:
            return ask(filename, function)
        answer = answers.get(filename)
        if answer is None:
            answer = answers[filename] = ask(filename, function)
        return answer

    libraries = {
        os.path.realpath(path)
        for scheme in sysconfig.get_scheme_names()
        for path in sysconfig.get_paths(scheme).values()
    }

    def passes_exclusion_rules(filename):
        if not tracing._args.profile_all:
            real = os.path.realpath(filename)
            if any(library in real for library in libraries):
                return False
        excluded = tracing._args.profile_exclude.split(",")
        return not any(part in filename for part in excluded if part)

    tracing.should_trace = should_trace
    tracing._passes_exclusion_rules = passes_exclusion_rules


def _say_nothing(*_args, **_kwargs):
    """Stand in for Scalene's ``print``."""


def _write_json(path, value):
    """Write in one step: a reader finds the whole file or none."""
    partial = path + ".partial"
    with open(partial, "w", encoding="utf-8", errors="backslashreplace") as file:
        json.dump(value, file)
    os.replace(partial, path)


if __name__ == "__main__":
    sys.modules["dynogate_entry"] = sys.modules["__main__"]
    atexit.register(faulthandler.disable)
    main(sys.argv)

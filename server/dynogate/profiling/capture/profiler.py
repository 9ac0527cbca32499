"""Profile a script, a module or a snippet: run it under Scalene, watched by py-spy.

::

    profile = ScaleneProfiler().profile_script("slow.py")
    profile.files[0].lines
"""

import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from dynogate.errors import ConfigurationError
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.limits import Limits
from dynogate.jobs.sandbox import sandbox_problem
from dynogate.jobs.scratch import scratch_dir
from dynogate.profiling.capture import launch, targets
from dynogate.profiling.capture.interpreters import Interpreter, find_interpreter
from dynogate.profiling.capture.report import build_result
from dynogate.profiling.capture.supervised import Surroundings, check_env
from dynogate.profiling.capture.targets import Runnable
from dynogate.profiling.models import ProfileResult, RunOptions

OnProgress = Callable[[float, float | None, str], None]
"""Called with seconds elapsed, the time limit in seconds, and what is going on."""


class ScaleneProfiler:
    """Runs programs in child processes and says what their lines cost.

    A program that raises, exits, crashes or runs out of time still gives a profile of what it did
    until then; exceptions are for programs that could not be started.
    """

    def __init__(
        self,
        *,
        limits: Limits = Limits(),  # noqa: B008  (immutable)
        sandbox: bool | None = None,
        roots: Sequence[Path] | None = None,
    ) -> None:
        """Where and how programs may run.

        Args:
            limits: bounds of each run; its time limit is the longest one a call may ask for.
            sandbox: True requires bubblewrap, False does without, None takes it where it works.
            roots: folders that scripts must lie in; None allows any path (a notebook's use).

        Raises:
            ConfigurationError: a sandbox is required and does not work here.
        """
        problem = sandbox_problem() if sandbox is not False else "not wanted"
        if sandbox and problem:
            raise ConfigurationError(f"The sandbox cannot be used: {problem}")
        self.sandboxed = problem is None
        self.limits = limits
        self.roots = (
            None if roots is None else tuple(Path(os.path.realpath(root)) for root in roots)
        )

    def profile_script(
        self,
        script_path: str | Path,
        options: RunOptions = RunOptions(),  # noqa: B008  (immutable)
        *,
        cancel: CancelToken | None = None,
        on_progress: OnProgress | None = None,
    ) -> ProfileResult:
        """Profile a script in its own folder, with ``options.args`` as its arguments.

        Raises:
            OutsideRoots: its real path lies in no root.
            ScriptNotFound: it, or the interpreter, does not exist.
            BadScript: it is no valid Python.
            BadInterpreter: the chosen interpreter lacks Scalene.
            InvalidParams: an environment variable is refused.
            NoProfileWritten: the interpreter did not get as far as the script.
        """
        interpreter = self._interpreter(options)
        runnable = targets.script(
            script_path, self.roots, check_syntax=targets.same_python(options.python)
        )
        with scratch_dir() as work:
            return self._profile(runnable, options, work, interpreter, cancel, on_progress)

    def profile_code(
        self,
        code: str,
        options: RunOptions = RunOptions(),  # noqa: B008  (immutable)
        *,
        cancel: CancelToken | None = None,
        on_progress: OnProgress | None = None,
    ) -> ProfileResult:
        """Profile a snippet; a short one is run again and again, for about a second of samples.

        Its lines appear under the file name ``code.py``.

        Raises:
            BadScript: it is empty or no valid Python.
            ScriptNotFound, BadInterpreter, InvalidParams, NoProfileWritten: as above.
        """
        interpreter = self._interpreter(options)
        with scratch_dir() as work:
            runnable = targets.code(code, work / "code")
            return self._profile(runnable, options, work, interpreter, cancel, on_progress)

    def profile_module(
        self,
        module: str,
        options: RunOptions = RunOptions(),  # noqa: B008  (immutable)
        *,
        cancel: CancelToken | None = None,
        on_progress: OnProgress | None = None,
    ) -> ProfileResult:
        """Profile ``python -m module``, started in the first root.

        Raises:
            ScriptNotFound: there is no such module, or no such interpreter.
            BadInterpreter, InvalidParams, NoProfileWritten: as above.
        """
        interpreter = self._interpreter(options)
        runnable = targets.module(module, self.roots)
        with scratch_dir() as work:
            return self._profile(runnable, options, work, interpreter, cancel, on_progress)

    def _interpreter(self, options: RunOptions) -> Interpreter:
        check_env(options.env)
        return find_interpreter(options.python)

    def _profile(
        self,
        runnable: Runnable,
        options: RunOptions,
        work: Path,
        interpreter: Interpreter,
        cancel: CancelToken | None,
        on_progress: OnProgress | None,
    ) -> ProfileResult:
        surroundings = Surroundings(
            runnable=runnable,
            options=options,
            interpreter=interpreter,
            limits=self.limits,
            sandboxed=self.sandboxed,
            work=work,
        )
        limit = surroundings.time_limit_sec

        def on_tick(elapsed: float) -> None:
            if on_progress is not None:
                on_progress(elapsed, limit, f"running {runnable.target.name}")

        capture = launch.run(surroundings, cancel=cancel, on_tick=on_tick)
        return build_result(
            capture, runnable, options, libraries=interpreter.libraries, host=platform.node()
        )

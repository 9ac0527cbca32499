"""Run an experiment: its rig, its load, the Chaos Toolkit, the judge."""

import contextlib
import copy
import logging
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from chaoslib.experiment import run_experiment
from chaoslib.run import RunEventHandler
from chaoslib.types import Strategy

from chaos.evidence import Evidence
from chaos.judge import Verdict, judge
from chaos.load import LoadBeside
from chaos.rig.rig import Rig
from chaos.spec import Experiment

Tell = Callable[[str], None]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
_LOG_SIZE = 4000
"""Characters of the gateway's log that are kept."""
_SETTINGS = {"runtime": {"rollbacks": {"strategy": "always"}}}


class Stop:
    """Hears SIGINT, SIGTERM and the end of its time; raises KeyboardInterrupt at the first of them.

    What follows that must be let finish: rollbacks, the end of the rig. So later ones are not
    heard. A context manager for the main thread.

    Args:
        seconds: that there are.

    Attributes:
        why: what was heard, in words; empty where nothing was.
        by_hand: whether somebody wanted it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._before: dict[signal.Signals, Any] = {}
        self.why = ""
        self.by_hand = False

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        self.listen()
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Hear the signals, whoever heard them before."""
        for number in _SIGNALS:
            signal.signal(number, self._heard)

    def _heard(self, number: int, _: FrameType | None) -> None:
        if self.why:
            return
        self.by_hand = number != signal.SIGALRM
        over = f"its limit of {self._seconds:g} s was over"
        self.why = signal.Signals(number).name if self.by_hand else over
        raise KeyboardInterrupt


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """An experiment that was run, and the verdict on it."""

    experiment: Experiment
    evidence: Evidence
    verdict: Verdict
    started: float
    seconds: float


def run(
    experiment: Experiment, tell: Tell = lambda _: None, *, command: tuple[str, ...] = ()
) -> Outcome:
    """Run one experiment on a rig of its own; from the main thread, as it hears signals.

    Args:
        experiment: which.
        tell: is told each step, in words.
        command: what to run in place of ``dynogate serve``.
    """
    started = time.time()
    evidence = _evidence(experiment, tell, command)
    verdict = judge(experiment, evidence)
    return Outcome(experiment, evidence, verdict, started, time.time() - started)


def _evidence(experiment: Experiment, tell: Tell, command: tuple[str, ...]) -> Evidence:
    found = Evidence()
    spec = experiment.spec
    stop = Stop(spec.limit)
    try:
        with stop:
            tell("starting the rig")
            with (
                Rig(
                    spec.needs,
                    spec.gateway.settings,
                    command,
                    volume_mb=spec.gateway.volume_mb,
                    clock=spec.gateway.clock,
                ) as rig,
                LoadBeside(spec.load, rig) as load,
            ):
                found.journal = _run_kit(experiment, rig, load, stop, tell)
                found.leftovers = rig.toxiproxy.leftovers()
                if stop.why:
                    load.stop()
                else:
                    tell("waiting for the last answers")
                    load.wait()
                found.taken = load.taken
                found.broken = (load.broken,) if load.broken else ()
                found.log = rig.gateway.process.told(_LOG_SIZE)
    except KeyboardInterrupt:
        assert stop.why
    except Exception as error:  # whatever it was: a failure with a reason, and the next one's turn
        found.broken += (f"{type(error).__name__}: {error}",)
    found.stopped, found.by_hand = stop.why, stop.by_hand
    return found


def _run_kit(
    experiment: Experiment, rig: Rig, load: LoadBeside, stop: Stop, tell: Tell
) -> dict[str, Any]:
    document = copy.deepcopy(experiment.document)  # the kit writes into it
    # A rollback is most often the method's healing once more, and nothing is to be seen after it.
    document["rollbacks"] = [
        {key: value for key, value in each.items() if key != "pauses"}
        for each in document["rollbacks"]
    ]
    document["configuration"] = {**document.get("configuration", {}), **rig.configuration()}
    with _quiet():
        journal: dict[str, Any] = run_experiment(
            document,
            settings=_SETTINGS,
            strategy=Strategy.DEFAULT,
            event_handlers=[_Listener(load, stop, tell)],
        )
    return journal


class _Listener(RunEventHandler):  # type: ignore[misc]  # the kit is untyped
    """Starts the load with the method, and hears what happens."""

    def __init__(self, load: LoadBeside, stop: Stop, tell: Tell) -> None:
        self._load = load
        self._stop = stop
        self._tell = tell

    def running(self, *_: object, **__: object) -> None:
        # The kit has just set a handler of its own, whose exception it takes for an activity's
        # failure, so that the experiment would go on.
        self._stop.listen()

    def start_method(self, *_: object) -> None:
        self._tell("starting the load")
        self._load.start()

    def start_activity(self, activity: dict[str, Any]) -> None:
        self._tell(activity["name"])

    def start_rollbacks(self, *_: object) -> None:
        self._tell("rolling back")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The kit's own log says again what the journal and the verdict say."""
    names = ("chaostoolkit", "chaostoolkit-lib", "logzero_default")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)

"""Open load: requests leave when a schedule says so, however slowly the server answers.

Locust's users are a closed loop: each waits for its answer before it sends again, so a stalled
server is asked less and looks better than it is (coordinated omission). With ``--rate`` or
``--replay`` the users share one schedule instead; a request that leaves late, because no user was
free, has its lateness counted into its response time.
"""

import itertools
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import gevent
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, Runner, WorkerRunner

from dynogate.errors import ConfigurationError
from dynogate.load import schedules

_MESSAGE = "dynogate-arrivals"
_DONE = "dynogate-arrivals-done"


_installed: "WeakKeyDictionary[Environment, Arrivals]" = WeakKeyDictionary()


class BadSchedule(ValueError):
    """The arrivals that were asked for make no sense; the message says why."""


class Arrivals:
    """When requests should leave; one for all users of a process.

    Attributes:
        are_scheduled: whether there is a schedule; without one the users are a closed loop.
        worst: the greatest lateness of a request so far, in seconds.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._times: Iterator[float] | None = None
        self.are_scheduled = False
        self._start = 0.0
        self._ending = False
        self.worst = 0.0

    def start(self, times: Iterator[float]) -> None:
        """Begin now with ``times``, in seconds from now."""
        self._times = times
        self.are_scheduled = True
        self._start = time.perf_counter()
        self.worst = 0.0
        self._ending = False

    def wait(self) -> float:
        """Sleep until the next arrival is due.

        Returns:
            How late it is all the same, in seconds; 0 in a closed loop.

        Raises:
            StopUser: there are no more.
        """
        if self._times is None:
            return 0.0
        due = next(self._times, None)
        if due is None:
            self._end()
            raise StopUser
        early = self._start + due - time.perf_counter()
        if early > 0:
            gevent.sleep(early)
        late = max(0.0, time.perf_counter() - self._start - due)
        self.worst = max(self.worst, late)
        return late

    def _end(self) -> None:
        runner = self._environment.runner
        if runner is not None and not self._ending:
            self._ending = True
            gevent.spawn(self._end_after_the_last, runner)

    def _end_after_the_last(self, runner: Runner) -> None:
        while runner.user_count:  # each user ends when it finds nothing left to send
            gevent.sleep(0.1)
        if isinstance(runner, WorkerRunner):
            runner.send_message(_DONE)
        else:
            runner.quit()


class Schedule:
    """Arrival times, in seconds from the start of the run.

    Args:
        rate: requests a second, evenly spaced and without an end.
        recorded: a file with one arrival a line, in seconds, that begins at any time; sorted,
            since servers log calls when they end.

    Raises:
        BadSchedule: both, a rate that is no positive number, or a file that cannot be read, is
            empty or has a line that is no number.
    """

    def __init__(self, rate: float | None = None, recorded: Path | None = None) -> None:
        if rate is not None and recorded is not None:
            raise BadSchedule("give --rate or --replay, not both")
        if rate is not None and not 0 < rate < float("inf"):
            raise BadSchedule(f"--rate {rate:g}: give requests a second, more than 0")
        self._rate = rate
        self._recorded = [] if recorded is None else _read(recorded)

    def times(self) -> Iterator[float]:
        """The arrivals, in order."""
        if self._rate is None:
            return iter(self._recorded)
        rate = self._rate
        return (number / rate for number in itertools.count())

    def described(self) -> dict[str, Any]:
        """As data that :meth:`of` understands."""
        return {"rate": self._rate, "recorded": self._recorded}

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Schedule":
        """The schedule that was :meth:`described` so."""
        schedule = cls(described["rate"])
        schedule._recorded = list(described["recorded"])
        return schedule


def _read(path: Path) -> list[float]:
    try:
        times: list[float] = schedules.replay(schedules.read_arrivals(path)).tolist()
    except ConfigurationError as error:
        raise BadSchedule(f"--replay {path}: {error.message}") from None
    return times


def install(environment: Environment) -> Arrivals:
    """The arrivals of ``environment``, which start with its test where the command line asks.

    A master sends the schedule to its workers, each of which takes its share, and ends the run
    when all of them have sent it.

    Raises:
        BadSchedule: what is asked for makes no sense.
    """
    arrivals = _installed[environment] = Arrivals(environment)
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(_MESSAGE, lambda environment, msg, **_: _take(arrivals, msg.data))
        return arrivals
    options = environment.parsed_options
    rate, recorded = getattr(options, "rate", None), getattr(options, "replay", None)
    if rate is None and recorded is None:
        return arrivals
    # Not a Path in the options: a master sends these to its workers, which a Path does not survive.
    schedule = Schedule(rate, None if recorded is None else Path(recorded))
    if isinstance(runner, MasterRunner):
        arrivals.are_scheduled = True
        done: set[str] = set()
        environment.events.test_start.add_listener(lambda **_: _share_out(runner, schedule, done))
        runner.register_message(
            _DONE, lambda environment, msg, **_: _note_end(runner, done, msg.node_id)
        )
    else:
        environment.events.test_start.add_listener(lambda **_: arrivals.start(schedule.times()))
    return arrivals


def of(environment: Environment) -> Arrivals:
    """The arrivals that were installed for ``environment``."""
    return _installed[environment]


def _share_out(master: MasterRunner, schedule: Schedule, done: set[str]) -> None:
    done.clear()
    workers = [client.id for client in master.clients.ready]
    for index, worker in enumerate(workers):
        share = {"index": index, "of": len(workers), **schedule.described()}
        master.send_message(_MESSAGE, share, worker)


def _note_end(master: MasterRunner, done: set[str], worker: str) -> None:
    done.add(worker)
    if len(done) >= min(len(master.clients), master.target_user_count):  # the others have no users
        gevent.spawn(master.quit)


def _take(arrivals: Arrivals, share: Mapping[str, Any]) -> None:
    schedule = Schedule.of(share)
    arrivals.start(itertools.islice(schedule.times(), share["index"], None, share["of"]))

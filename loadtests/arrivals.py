"""Open load: requests leave when a schedule says so, however slowly the server answers.

Locust's users are a closed loop: each waits for its answer before it sends again, so a stalled
server is asked less and looks better than it is (coordinated omission). With ``--rate`` or
``--replay`` the users share one schedule instead; a request that leaves late, because no user was
free, has its lateness counted into its response time.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner

_MESSAGE = "dynogate-arrivals"


class BadSchedule(ValueError):
    """The arrivals that were asked for make no sense; the message says why."""


class Arrivals:
    """When requests should leave; one for all users of a process.

    Attributes:
        last: the lateness, in seconds, of the latest request.
        worst: the greatest lateness so far, in seconds.
    """

    def __init__(self, environment: Environment, schedule: "Schedule") -> None:
        self._environment = environment
        self._schedule = schedule
        self._times: Iterator[float] = iter(())
        self._start = 0.0
        self._started = Event()
        self.worst = 0.0

    def start(self, index: int, count: int) -> None:
        """Begin now with every ``count``-th arrival, from number ``index`` on."""
        self._times = itertools.islice(self._schedule.times(), index, None, count)
        self._start = time.perf_counter()
        self.worst = 0.0
        self._started.set()

    def wait(self) -> float:
        """Sleep until the next arrival is due.

        Returns:
            How late it is all the same, in seconds.

        Raises:
            StopUser: there are no more.
        """
        self._started.wait()
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
        if runner is not None and not isinstance(runner, WorkerRunner):
            gevent.spawn(runner.quit)


class Schedule:
    """Arrival times, in seconds from the start of the run.

    Args:
        rate: requests a second, evenly spaced and without an end.
        recorded: a file with one arrival a line, in seconds; it may begin at any time.

    Raises:
        BadSchedule: neither or both, a rate that is no positive number, a file that cannot be
            read, or has a line that is no number, or goes back in time.
    """

    def __init__(self, rate: float | None = None, recorded: Path | None = None) -> None:
        if (rate is None) == (recorded is None):
            raise BadSchedule("give either --rate or --replay")
        if rate is not None and not 0 < rate < float("inf"):
            raise BadSchedule(f"--rate {rate:g}: give requests a second, more than 0")
        self._rate = rate
        self._recorded = _read(recorded) if recorded is not None else []

    def times(self) -> Iterator[float]:
        """The arrivals, in order."""
        if self._rate is None:
            return iter(self._recorded)
        rate = self._rate
        return (number / rate for number in itertools.count())


def _read(path: Path) -> list[float]:
    try:
        lines = path.read_text(encoding="utf-8").split()
        times = [float(line) for line in lines]
    except (OSError, ValueError) as error:
        raise BadSchedule(f"--replay {path}: {error}") from None
    if not times:
        raise BadSchedule(f"--replay {path}: there are no arrivals in it")
    for number, (before, after) in enumerate(itertools.pairwise(times), start=2):
        if not before <= after:
            raise BadSchedule(f"--replay {path}: arrival {number} is before the one above it")
    return [each - times[0] for each in times]


def install(environment: Environment) -> Arrivals | None:
    """The arrivals that the command line asks for, started with the test; None for a closed loop.

    Raises:
        BadSchedule: what is asked for makes no sense.
    """
    options = environment.parsed_options
    rate, recorded = getattr(options, "rate", None), getattr(options, "replay", None)
    if rate is None and recorded is None:
        return None
    arrivals = Arrivals(environment, Schedule(rate, recorded))
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.register_message(
            _MESSAGE, lambda environment, msg, **_: arrivals.start(*msg.data), concurrent=False
        )
    elif isinstance(runner, MasterRunner):
        environment.events.test_start.add_listener(lambda **_: _share_out(runner))
    else:
        environment.events.test_start.add_listener(lambda **_: arrivals.start(0, 1))
    return arrivals


def _share_out(master: MasterRunner) -> None:
    workers = [client.id for client in master.clients.ready]
    for index, worker in enumerate(workers):
        master.send_message(_MESSAGE, [index, len(workers)], worker)

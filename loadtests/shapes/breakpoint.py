"""The breaking point: half as many users again at each step, until the server no longer holds.

``locust -f loadtests/locustfile.py,loadtests/shapes/breakpoint.py -u 2000 --step-users 10``

It is a first look: ``scripts/performance_test.py ramp-up`` repeats, bisects and gives an interval.
"""

import logging

from locust.stats import StatsEntry

from loadtests.shapes.base import Shape, Tick

log = logging.getLogger(__name__)

GROWTH = 1.5
HELD_SUCCESS = 0.95
HELD_P99_MS = 1000.0


class Breakpoint(Shape):
    """From ``--step-users`` on, 1.5 times as many every ``--step-seconds``.

    A step held where at least 95 % of its requests succeeded and their p99 kept to 1 s. The run
    ends at the first that did not, or at ``-u``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._step = 0
        self._before = (0, 0)
        self._held: int | None = None

    def plan(self, second: float) -> Tick | None:
        """The users at ``second`` of the run."""
        step = int(second // self.options.step_seconds)
        if step > self._step:
            if not self._holds():
                log.warning("broke at %d users; held: %s", self._users_at(self._step), self._held)
                return None
            self._held, self._step = self._users_at(self._step), step
            if self._held >= self.users:
                log.warning("held at %d users, the most that -u allows", self._held)
                return None
        users = self._users_at(self._step)
        return users, max(self.spawn_rate, users / 2)

    def _users_at(self, step: int) -> int:
        return min(self.users, round(float(self.options.step_users) * GROWTH**step))

    def _holds(self) -> bool:
        total: StatsEntry = self.environment.stats.total
        requests = total.num_requests - self._before[0]
        failures = total.num_failures - self._before[1]
        self._before = (total.num_requests, total.num_failures)
        p99 = total.get_current_response_time_percentile(0.99)
        return (
            requests > 0
            and 1 - failures / requests >= HELD_SUCCESS
            and (p99 is None or p99 <= HELD_P99_MS)
        )

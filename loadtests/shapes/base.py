"""What the shapes share: the command line's figures."""

from typing import Any

from locust import LoadTestShape
from locust.env import Environment

Tick = tuple[int, float]


class Shape(LoadTestShape):
    """A shape that reads ``-u``, ``-r``, ``-t`` and the ``--step-*`` options."""

    abstract = True
    use_common_options = True

    def plan(self, second: float) -> Tick | None:
        """Users, and how many may come or go a second; None ends the run."""
        raise NotImplementedError

    def tick(self) -> Tick | None:
        """What Locust asks every second."""
        return self.plan(self.get_run_time())

    @property
    def environment(self) -> Environment:
        """Of the run."""
        if self.runner is None:
            raise RuntimeError("a shape has no runner before its run")
        return self.runner.environment

    @property
    def options(self) -> Any:
        """The parsed command line."""
        return self.environment.parsed_options

    @property
    def users(self) -> int:
        """``-u``; 1 where it was not given."""
        return int(self.options.num_users or 1)

    @property
    def spawn_rate(self) -> float:
        """``-r``; 1 a second where it was not given."""
        return float(self.options.spawn_rate or 1)

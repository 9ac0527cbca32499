"""A soak: ``-u`` users for as long as ``-t`` says, to see what drifts or leaks.

``locust -f loadtests/locustfile.py,loadtests/shapes/soak.py -u 50 -r 5 -t 4h``
"""

from loadtests.shapes.base import Shape, Tick

DEFAULT_SEC = 3600.0


class Soak(Shape):
    """``-u`` users, come at ``-r`` a second, until ``-t`` (an hour by default) is over."""

    def plan(self, second: float) -> Tick | None:
        """The users at ``second`` of the run."""
        if second >= (self.options.run_time or DEFAULT_SEC):
            return None
        return self.users, self.spawn_rate

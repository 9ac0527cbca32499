"""Stairs: a step more users at a time, up to ``-u``; each step is held before the next.

``locust -f loadtests/locustfile.py,loadtests/shapes/steps.py -u 100 --step-users 10``
"""

from loadtests.shapes.base import Shape, Tick


class Steps(Shape):
    """``--step-users`` more every ``--step-seconds`` up to ``-u``, and then the end."""

    def plan(self, second: float) -> Tick | None:
        """The users at ``second`` of the run."""
        options = self.options
        step = int(second // options.step_seconds) + 1
        if (step - 1) * options.step_users >= self.users:
            return None
        return min(step * options.step_users, self.users), self.spawn_rate

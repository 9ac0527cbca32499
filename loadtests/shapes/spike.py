"""A spike: few users, of a sudden ``-u`` of them, few again.

``locust -f loadtests/locustfile.py,loadtests/shapes/spike.py -u 200 --step-users 10``
"""

from loadtests.shapes.base import Shape, Tick


class Spike(Shape):
    """``--step-users``, then ``-u`` at once, then ``--step-users``; ``--step-seconds`` each."""

    def plan(self, second: float) -> Tick | None:
        """The users at ``second`` of the run."""
        phase = int(second // self.options.step_seconds)
        if phase > 2:
            return None
        users = self.users if phase == 1 else min(self.options.step_users, self.users)
        return users, max(self.spawn_rate, float(users))

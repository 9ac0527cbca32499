"""A clock that moves only when it is told to, or slept on."""


class Clock:
    """Stands where a module has the module ``time``.

    Attributes:
        now: seconds.
        slept: each sleep, in seconds.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)

"""How many calls at once: found out from how long they take, within fixed bounds."""

_LOWEST = 4.0
_PATIENCE = 2.0  # calls may take twice as long as usual before the limit goes down
_CUT_AT_MOST = 0.5
_WEIGHT = 0.05  # of the newest call, in the limit
_USUAL_DOWN, _USUAL_UP = 0.05, 0.005  # and in what is usual


class AdaptiveLimit:
    """A limit on concurrency that goes down where calls slow each other, and up where they do not.

    Each call says how long it took; that is compared with what is usual for its tool while few are
    under way. The limit follows the ratio (the gradient of latency, as in Netflix'
    ``concurrency-limits``), plus its own square root to grow: a limit that is too high shows in
    latency, one that is too low shows nowhere but in the calls that wait for a place.

    Attributes:
        limit: how many may be under way now.
    """

    def __init__(self, highest: int) -> None:
        self.limit = float(highest)
        self._highest = float(highest)
        self._lowest = min(_LOWEST, self._highest)
        self._usual: dict[str, float] = {}

    def note(self, name: str, seconds: float, under_way: int) -> None:
        """Learn from a call of the tool ``name``.

        Args:
            seconds: how long it took.
            under_way: how many were under way at its end, itself among them.
        """
        usual = self._usual.get(name)
        if usual is None:
            self._usual[name] = seconds
            return
        if seconds < usual:
            self._usual[name] = usual + (seconds - usual) * _USUAL_DOWN
        elif under_way <= _LOWEST:  # an overload must not become what is usual
            self._usual[name] = usual + (seconds - usual) * _USUAL_UP
        patience = _PATIENCE * usual
        if seconds <= patience and under_way * 2 < self.limit:
            return  # that a limit nobody comes near could be higher says nothing
        gradient = max(_CUT_AT_MOST, patience / seconds) if seconds > patience else 1.0
        wanted = self.limit * gradient + self.limit**0.5
        limit = self.limit + (wanted - self.limit) * _WEIGHT
        self.limit = min(max(limit, self._lowest), self._highest)

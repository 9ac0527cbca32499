"""How the clients of one caller divide its rate."""

from dataclasses import dataclass

from dynogate.guards.rates import Rate

_CLIENTS = 64
_OTHERS = ""


@dataclass(slots=True)
class _Part:
    """What one client did: in the window of this number, and in the one before."""

    number: float
    current: int = 0
    before: int = 0

    def move_to(self, number: float) -> None:
        if number > self.number:
            self.before = self.current if number == self.number + 1 else 0
            self.number, self.current = number, 0


class Division:
    """Evens out the clients of one caller: each may use the rate divided by how many are active.

    Clients are told apart by what they call themselves, which anyone may choose: that can only cut
    a caller's own share into smaller parts. Bounded: beyond 64, clients count as one.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._parts: dict[str, _Part] = {}
        self._number = 0.0

    def take(self, client_id: str, now: float) -> float:
        """Count a call at ``now``; where the client's part is used up, seconds to wait instead."""
        number, seconds = now // self._rate.seconds, self._rate.seconds
        if number != self._number:
            self._forget_idle(number)
        part = self._part(client_id, number)
        left = 1.0 - (now / seconds - number)
        if int(part.before * left) + part.current >= max(self._rate.amount // len(self._parts), 1):
            return seconds * left
        part.current += 1
        return 0.0

    def _part(self, client_id: str, number: float) -> _Part:
        part = self._parts.get(client_id)
        if part is None:
            if len(self._parts) >= _CLIENTS:
                client_id = _OTHERS
            part = self._parts.setdefault(client_id, _Part(number))
        part.move_to(number)
        return part

    def _forget_idle(self, number: float) -> None:
        self._number = number
        for client_id, part in list(self._parts.items()):
            if part.number < number - 1:
                del self._parts[client_id]

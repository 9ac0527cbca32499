"""How often a caller may call, and all callers together; quick and costly tools apart.

Counted in this machine's memory (`windows`), and, where a URL names one, in a Redis that several
machines share (`shared_counts`). Counting in memory takes about 2 us a call; the same through
``limits``' own memory storage took 6 us for each of the three rates (its Redis part is used).
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dynogate.errors import Busy, RateLimited
from dynogate.guards.division import Division
from dynogate.guards.rates import Rate
from dynogate.guards.windows import Window, Windows

if TYPE_CHECKING:
    from dynogate.guards.shared_counts import SharedCounts

_REMEMBERED = 4096


class RateLimit:
    """The limits of one kind of call.

    Args:
        windows: where calls are counted.
        each: what one caller may have.
        overall: what all may have together.
        shared: where several machines count together; None where this one is alone.
    """

    def __init__(
        self,
        windows: Windows,
        *,
        each: Sequence[Rate],
        overall: Sequence[Rate],
        shared: "SharedCounts | None" = None,
    ) -> None:
        self._windows = windows
        self._each = tuple(each)
        self._overall_rates = tuple(overall)
        self._overall = tuple(windows.window("", rate) for rate in overall)
        self._shared = shared
        self._known: dict[str, tuple[Window, ...]] = {}
        self._divisions: dict[str, Division] = {}

    async def take(self, share: str, client_id: str | None = None) -> None:
        """Count a call of the caller who is counted as ``share``.

        Args:
            client_id: what the client calls itself; one caller's clients divide its share evenly,
                and gain nothing by it.

        Raises:
            RateLimited: a limit is reached; nothing was counted.
            Busy: the shared counts are out of reach, and calls are to be refused then.
        """
        windows = self._known.get(share) or self._learn(share)
        now = time.monotonic()
        for number, window in enumerate(windows):
            if not window.take(now):
                _give_back(windows[:number])
                raise refusal(window.rate, window.wait_sec(now), windows)
        try:
            if client_id is not None and self._each:
                self._divide(share, client_id, now)
            if self._shared is not None:
                await self._take_shared(self._shared, share, windows)
        except Busy:
            _give_back(windows)
            raise

    def _learn(self, share: str) -> tuple[Window, ...]:
        while len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        windows = tuple(self._windows.window(share, rate) for rate in self._each) + self._overall
        self._known[share] = windows
        return windows

    def _divide(self, share: str, client_id: str, now: float) -> None:
        division = self._divisions.get(share)
        if division is None:
            while len(self._divisions) >= _REMEMBERED:
                del self._divisions[next(iter(self._divisions))]
            division = self._divisions[share] = Division(self._each[0])
        wait_sec = division.take(client_id, now)
        if wait_sec:
            raise refusal(self._each[0], wait_sec, self._known[share], divided=True)

    async def _take_shared(
        self, shared: "SharedCounts", share: str, windows: tuple[Window, ...]
    ) -> None:
        # The caller's own first: what they are refused must not be counted against all.
        full = await shared.take((share, self._each), ("", self._overall_rates))
        if full is not None:
            raise refusal(full.rate, full.wait_sec, windows)


def _give_back(windows: Sequence[Window]) -> None:
    for window in windows:
        window.give_back()


def refusal(
    rate: Rate, wait_sec: float, windows: Sequence[Window], *, divided: bool = False
) -> RateLimited:
    """The error that tells a caller which limit is reached, and when to come back."""
    whose = "this client's part of " if divided else ""
    return RateLimited(
        f"too many calls: {whose}{rate.amount} in {rate.seconds} s is used up ({rate.name}); "
        f"try again in {wait_sec:.3f} s. {rate.setting} sets the limit; DYNOGATE_RATE_LIMIT=off "
        "switches all of them off",
        retry_after=wait_sec,
        policy=rate.name,
        policies=", ".join(window.rate.policy for window in windows),
    )

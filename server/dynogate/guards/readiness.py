"""Whether calls would be served now: a look at each thing that serving them depends on."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from dynogate.errors import DynogateError
from dynogate.guards.drain import Drain
from dynogate.guards.single_flight import SingleFlight

OK = "ok"
_BUDGET_SEC = 2.0


@dataclass(frozen=True, slots=True)
class State:
    """How one thing is: in words, and whether calls can be served with it."""

    text: str
    good: bool


@dataclass(slots=True)
class Check:
    """A look at one thing.

    Attributes:
        look: says how it is (``ok``), or raises a DynogateError where it cannot be used.
        every_sec: how long an answer is believed. Anyone may ask for readiness, as often as they
            like; so often, and no oftener, somebody looks.
    """

    look: Callable[[], Awaitable[str]]
    every_sec: float = 0.25
    _known: State | None = None
    _until: float = 0.0
    _looking: SingleFlight[State] = field(default_factory=SingleFlight)

    async def state(self) -> State:
        """How it is, or was a moment ago."""
        if self._known is None or time.monotonic() >= self._until:
            self._known = await self._looking(b"", self._look)
            self._until = time.monotonic() + self.every_sec
        return self._known

    async def _look(self) -> State:
        try:
            async with asyncio.timeout(_BUDGET_SEC):
                return State(await self.look(), good=True)
        except DynogateError as error:
            return State(error.message, good=False)
        except TimeoutError:
            return State(f"no answer within {_BUDGET_SEC:g} s", good=False)


def in_thread(look: Callable[[], str | None]) -> Callable[[], Awaitable[str]]:
    """A blocking look, off the event loop; it may say nothing where all is well."""

    async def asked() -> str:
        return await asyncio.to_thread(look) or OK

    return asked


class Readiness:
    """All checks of one process."""

    def __init__(self, checks: Mapping[str, Check], drain: Drain) -> None:
        self._checks = dict(checks)
        self._drain = drain

    async def states(self) -> dict[str, State]:
        """How each thing is, and whether a shutdown is under way."""
        found = await asyncio.gather(*(check.state() for check in self._checks.values()))
        states = dict(zip(self._checks, found, strict=True))
        states["shutdown"] = State(
            "in progress" if self._drain.begun else OK, not self._drain.begun
        )
        return states

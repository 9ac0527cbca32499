import asyncio
import time

import pytest

from dynogate.errors import StoreUnavailable
from dynogate.guards import readiness
from dynogate.guards.drain import Drain
from dynogate.guards.readiness import Check, Readiness, State, in_thread


class Thing:
    """Something to depend on, and how often it was looked at."""

    def __init__(self) -> None:
        self.looks = 0
        self.broken = False

    async def look(self) -> str:
        self.looks += 1
        await asyncio.sleep(0)
        if self.broken:
            raise StoreUnavailable("it is broken")
        return "ok"


async def test_each_thing_says_how_it_is() -> None:
    """In words; what cannot be used says why."""
    drain, good, bad = Drain(), Thing(), Thing()
    bad.broken = True
    ready = Readiness({"good": Check(good.look), "bad": Check(bad.look)}, drain)
    assert await ready.states() == {
        "good": State("ok", good=True),
        "bad": State("it is broken", good=False),
        "shutdown": State("ok", good=True),
    }
    drain.begin()
    assert (await ready.states())["shutdown"] == State("in progress", good=False)


async def test_many_who_ask_cost_one_look() -> None:
    """At one time and for a moment after; then somebody looks again."""
    thing = Thing()
    check = Check(thing.look, every_sec=0.05)
    await asyncio.gather(*(check.state() for _ in range(20)))
    await check.state()
    assert thing.looks == 1
    thing.broken = True
    await asyncio.sleep(0.06)
    assert not (await check.state()).good
    assert thing.looks == 2


async def test_a_thing_that_does_not_answer_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Readiness answers in bounded time, whatever it depends on."""
    monkeypatch.setattr(readiness, "_BUDGET_SEC", 0.02)
    stuck = Check(in_thread(lambda: time.sleep(0.3)))
    state = await stuck.state()
    assert not state.good
    assert "no answer" in state.text

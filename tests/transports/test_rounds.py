import asyncio

from dynogate.transports.rounds import Rounds


async def test_each_thing_is_looked_at_in_each_round() -> None:
    """As long as it is there; with the last one the timer goes."""
    looked: list[str] = []
    rounds = Rounds[str](0.01, looked.append)
    rounds.add("a")
    rounds.add("b")
    assert len(rounds) == 2
    while looked.count("a") < 2:
        await asyncio.sleep(0.01)
    assert looked.count("b") >= 1
    rounds.discard("a")
    rounds.discard("b")
    rounds.discard("b")
    seen = len(looked)
    await asyncio.sleep(0.05)
    assert len(looked) == seen


async def test_a_thing_that_goes_while_it_is_looked_at_goes() -> None:
    """Its round goes on for the others."""
    looked: list[str] = []

    def look(thing: str) -> None:
        looked.append(thing)
        rounds.discard(thing)

    rounds = Rounds[str](0.01, look)
    rounds.add("a")
    rounds.add("b")
    while len(looked) < 2:
        await asyncio.sleep(0.01)
    assert sorted(looked) == ["a", "b"]
    assert len(rounds) == 0

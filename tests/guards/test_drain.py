import asyncio

import pytest

from dynogate.errors import Busy
from dynogate.guards.drain import Drain


async def test_what_is_under_way_may_end() -> None:
    """The drain is over with the last of it, and not before."""
    drain = Drain()
    drain.enter()
    drain.enter()
    drain.begin()
    drain.leave()
    assert not await drain.emptied(0.01)
    asyncio.get_running_loop().call_soon(drain.leave)
    assert await drain.emptied(5)


async def test_nothing_new_begins() -> None:
    """Whoever comes now is told when to come back."""
    drain = Drain()
    drain.begin()
    with pytest.raises(Busy) as refused:
        drain.enter()
    assert refused.value.retry_after > 0
    assert await drain.emptied(0)


async def test_what_lasts_is_told_of_the_beginning() -> None:
    """Streams and sockets wait for it, from before or after."""
    drain = Drain()
    waiting = asyncio.ensure_future(drain.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    drain.begin()
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(drain.wait(), 5)

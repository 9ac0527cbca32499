import asyncio

import pytest

from dynogate.guards.deadline import within


async def at_hand() -> str:
    return "at hand"


async def test_what_is_at_hand_needs_no_time() -> None:
    """Even a limit of nothing lets it through."""
    assert await within(0.0, at_hand()) == "at hand"


async def test_what_has_to_be_waited_for_comes_whole() -> None:
    """Several steps, one after another."""

    async def slow() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.sleep(0.001)
        return "later"

    assert await within(5.0, slow()) == "later"


async def test_what_takes_too_long_is_cancelled() -> None:
    """It sees the cancellation, and can clean up for as long as it takes."""
    seen = []

    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    with pytest.raises(TimeoutError):
        await within(0.01, stuck())
    assert seen == ["cleaned up"]


@pytest.mark.parametrize("wait", [False, True])
async def test_errors_come_through(wait: bool) -> None:
    """At once, or after waiting."""

    async def fails() -> None:
        if wait:
            await asyncio.sleep(0)
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await within(5.0, fails())


async def test_a_future_can_be_awaited_too() -> None:
    """Not only coroutines."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, 7)
    assert await within(5.0, future) == 7
    assert await within(0.0, future) == 7


async def test_cancelling_from_outside_is_no_timeout() -> None:
    """A caller that goes away cancels what it waits for."""
    task = asyncio.ensure_future(within(5.0, asyncio.Event().wait()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

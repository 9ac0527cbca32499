"""A limit of time that costs nothing where there is nothing to wait for."""

import asyncio
from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """``asyncio.wait_for`` without its task, and without a timer where the result is at hand.

    The body of nearly every request is there before anyone asks; ``wait_for`` would take longer
    than the guards together.

    Raises:
        TimeoutError: there was none after ``seconds``; what was awaited is cancelled.
    """
    steps = awaitable.__await__()
    try:
        blocker = next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
    async with asyncio.timeout(seconds):
        return await rest(steps, blocker)


@coroutine
def rest(steps: Generator[Any, Any, T], blocker: object) -> Generator[Any, Any, T]:
    """What is left of an awaitable whose first step waits for ``blocker``."""
    try:
        while True:
            try:
                yield blocker
            except BaseException as error:
                blocker = steps.throw(error)
            else:
                blocker = next(steps)
    except StopIteration as done:
        result: T = done.value
        return result

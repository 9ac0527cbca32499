"""A coroutine that blocks the loop beside others that only sleep."""

import asyncio


async def blocker() -> int:
    total = 0
    for turn in range(25):
        for i in range(150_000):
            total += (i * turn + 3) % 11 ^ (i & 5)  # HOT
        await asyncio.sleep(0)
    return total


async def sleeper() -> None:
    for _ in range(30):
        await asyncio.sleep(0.02)


async def main() -> None:
    await asyncio.gather(blocker(), sleeper(), sleeper())


asyncio.run(main())

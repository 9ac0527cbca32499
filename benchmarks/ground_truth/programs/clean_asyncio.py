"""Requests of an asyncio service, each with a body that is gone when it has been answered."""

import asyncio


async def handle(number: int) -> int:
    body = bytearray(1_500_000 + number)
    await asyncio.sleep(0.02)
    return len(body)


async def main() -> None:
    total = 0
    for batch in range(60):
        total += sum(await asyncio.gather(*(handle(batch + i) for i in range(4))))
    print(total)


asyncio.run(main())

"""Thousands of small tasks: the work in each outweighs the event loop's own cost."""

import asyncio


async def handle(request: int) -> int:
    await asyncio.sleep(0)
    body = "".join(chr(97 + (request * k) % 26) for k in range(300))  # HOT
    await asyncio.sleep(0)
    return len(body)


async def main() -> None:
    total = 0
    for batch in range(90):
        total += sum(await asyncio.gather(*(handle(batch * 100 + i) for i in range(200))))
    print(total)


asyncio.run(main())

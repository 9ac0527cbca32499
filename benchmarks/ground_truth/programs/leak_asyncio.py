"""Sessions of an asyncio service that are opened and never closed."""

import asyncio
import json
import time

sessions: dict[int, bytearray] = {}


async def connect(number: int) -> None:
    await asyncio.sleep(0.005)
    sessions[number] = bytearray(450_000)  # LEAK


async def main() -> None:
    start = time.perf_counter()
    for number in range(120):
        await connect(number)
        await asyncio.sleep(0.012)
    seconds = time.perf_counter() - start
    total = sum(map(len, sessions.values()))
    print(json.dumps({"leaked_mb": total / 2**20, "seconds": seconds}))


asyncio.run(main())

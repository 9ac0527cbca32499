"""Every instance registers itself with its class and is never let go."""

import json
import time


class Connection:
    registry: list["Connection"] = []

    def __init__(self, number: int) -> None:
        self.number = number
        self.buffer = bytearray(350_000)  # LEAK
        Connection.registry.append(self)


def main() -> None:
    start = time.perf_counter()
    for number in range(140):
        connection = Connection(number)
        del connection
        time.sleep(0.014)
    seconds = time.perf_counter() - start
    total = sum(len(c.buffer) for c in Connection.registry)
    print(json.dumps({"leaked_mb": total / 2**20, "seconds": seconds}))


main()

"""Events stored by a logging handler that is never drained."""

import json
import logging
import sys
import time

records: list[str] = []


class Memory(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        records.append("payload: " + record.getMessage() * 40)  # LEAK


def main() -> None:
    logger = logging.getLogger("app")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(Memory())
    start = time.perf_counter()
    for number in range(12_000):
        logger.info("request %09d was served by worker %d in %d ms", number, number % 8, number % 90)
        if number % 50 == 0:
            time.sleep(0.006)
    seconds = time.perf_counter() - start
    print(json.dumps({"leaked_mb": sum(map(sys.getsizeof, records)) / 2**20, "seconds": seconds}))


main()

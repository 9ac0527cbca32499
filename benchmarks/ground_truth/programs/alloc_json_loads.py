"""Objects made in C by json.loads and kept."""

import json
import time


def main() -> None:
    text = json.dumps([{"id": i, "name": f"name-{i}", "xs": [i, i + 1]} for i in range(3_000)])
    kept = []
    for _ in range(50):
        kept.append(json.loads(text))  # ALLOC MAYBE
        time.sleep(0.01)
    print(len(kept))


main()

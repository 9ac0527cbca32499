"""json.loads is C: the caller's line pays."""

import json


def main() -> None:
    text = json.dumps([{"id": i, "name": f"n{i}", "tags": ["a", "b", i]} for i in range(2_000)])
    count = 0
    for _ in range(500):
        rows = json.loads(text)  # HOT
        count += len(rows)
    print(count)


main()

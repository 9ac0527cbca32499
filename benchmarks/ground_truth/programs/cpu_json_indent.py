"""json with an indent runs in pure Python inside the standard library: the caller's line pays."""

import json


def main() -> None:
    rows = [{"id": i, "name": f"n{i}", "tags": ["a", "b", i]} for i in range(4_000)]
    size = 0
    for _ in range(40):
        rows.reverse()
        text = json.dumps(rows, indent=2)  # HOT
        size += len(text)
    print(size)


main()

"""Remove duplicate customers from a list, the slow way.

What a profiler should find:

* CPU: nearly all of it in ``unique_names``, on the line with ``not in``. It walks the whole list
  for every name; a ``set`` would answer at once.
* Memory: the line of ``load_rows`` that builds the rows allocates most.
"""

import random

CUSTOMERS = 6_000
ROWS = 18_000
NOTE_WORDS = 100


def load_rows(count: int) -> list[dict[str, str]]:
    """Rows as an export would have them; every customer comes about three times."""
    random.seed(7)
    rows = []
    for number in range(count):
        name = f"customer {random.randrange(CUSTOMERS)}"
        rows.append({"id": str(number), "name": name, "note": f"visit {number} " * NOTE_WORDS})
    return rows


def unique_names(rows: list[dict[str, str]]) -> list[str]:
    """The names in the order of their first appearance."""
    names: list[str] = []
    for row in rows:
        name = row["name"]
        if name not in names:
            names.append(name)
    return names


def main() -> None:
    """Load, deduplicate, and say how many are left."""
    rows = load_rows(ROWS)
    names = unique_names(rows)
    print(f"{len(rows)} rows, {len(names)} customers")


if __name__ == "__main__":
    main()

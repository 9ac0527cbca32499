"""A regular expression: all the time is in C, and belongs to the line that calls it."""

import re


def main() -> None:
    text = "user=alice; id=4711; path=/var/log/app.log; " * 400
    pattern = re.compile(r"(\w+)=([^;]+);\s")
    found = 0
    for _ in range(3_000):
        size = len(text)
        pairs = pattern.findall(text)  # HOT
        found += len(pairs) + size
    print(found)


main()

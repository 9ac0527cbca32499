"""One single call of C that takes the whole run (catastrophic backtracking)."""

import re


def main() -> None:
    subject = "a" * 25 + "!"
    before = len(subject)
    match = re.match(r"^(a+)+$", subject)  # HOT
    after = len(subject)
    print(match, before + after)


main()

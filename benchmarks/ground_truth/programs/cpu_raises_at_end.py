"""The script fails at the end: its profile is still worth reading."""


def main() -> None:
    total = 0
    for i in range(6_000_000):
        total += (i * 7) % 23 ^ (i & 15)  # HOT
    raise RuntimeError(f"no such total: {total}")


main()

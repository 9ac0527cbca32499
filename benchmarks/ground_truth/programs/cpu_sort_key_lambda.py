"""A sort whose key, a lambda written on a line of its own, is what costs."""


def main() -> None:
    rows = [(i * 7_919) % 100_003 for i in range(250_000)]
    for _ in range(6):
        rows.sort(
            key=lambda r: (r * 31) % 1_009 + (r ^ 21) % 503 - (r * r) % 257 + (r + 5) % 127,  # HOT
        )
        rows.reverse()
    print(rows[0])


main()

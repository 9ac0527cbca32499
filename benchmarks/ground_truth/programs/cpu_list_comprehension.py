"""A list comprehension beside an explicit loop that does less."""


def main() -> None:
    total = 0
    for _ in range(60):
        values = [(x * x) % 97 + (x ^ 5) % 31 for x in range(100_000)]  # HOT
        total += values[7]
    for x in range(500_000):
        total += x
    print(total)


main()

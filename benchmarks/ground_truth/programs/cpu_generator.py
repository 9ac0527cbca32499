"""The cost sits in a generator's body; the consumer is cheap."""


def squares(limit: int):
    for i in range(limit):
        value = (i * i + 3 * i) % 1_000_003 + (i ^ 0x55) % 97 + (i * 7 + 1) % 89  # HOT
        yield value


def main() -> None:
    total = 0
    for value in squares(3_500_000):
        total += value
    print(total)


main()

"""A match statement; one arm does the work."""


def evaluate(token: tuple[str, int]) -> int:
    match token:
        case ("add", value):
            return value + 1
        case ("mul", value):
            return (value * value * 31 + value * 17) % 65_521 + sum(divmod(value, 7)) ** 2 % 97 + (value ^ 3) % 61 + pow(value, 5, 1_009)  # HOT
        case _:
            return 0


def main() -> None:
    tokens = [("add", 3), ("mul", 4_711), ("mul", 815), ("nop", 0), ("mul", 99)]
    total = 0
    for _ in range(500_000):
        for token in tokens:
            total += evaluate(token)
    print(total)


main()

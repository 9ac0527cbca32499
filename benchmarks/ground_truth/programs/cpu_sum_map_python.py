"""sum(map(f, data)): the Python function that map calls is what costs."""


def weight(x: int) -> int:
    return (x * x + 7 * x) % 10_007 + (x ^ 0xFF) % 251 + (x * 5) % 241 + (x | 3) % 239  # HOT


def main() -> None:
    total = 0
    for _ in range(28):
        total += sum(map(weight, range(100_000)))
    print(total)


main()

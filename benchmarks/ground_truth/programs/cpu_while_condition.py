"""A while loop whose condition is what costs."""


def main() -> None:
    n = 3_000_000
    x = 0
    while (x * x + 3 * x + 7) % 1_000_003 >= 0 and (x ^ n) | (n - x) * 5 % 11 > -1 and x < n:  # HOT
        x += 1
    print(x)


main()

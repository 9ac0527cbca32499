"""A loop of several lines whose first one is dear."""


def main() -> None:
    a = b = c = d = 1
    for i in range(2_500_000):
        a = (i * 31 + a * 17 + b * 13) % 65_521 + (a ^ i) % 127 - (c | i) % 31 + (d & i) % 63  # HOT
        b = a
        c = b
        d = c
    print(a, b, c, d)


main()

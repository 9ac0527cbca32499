"""A loop of several lines whose last one is dear."""


def main() -> None:
    a = b = c = d = 1
    for i in range(2_500_000):
        b = a
        c = b
        d = c
        a = (i * 31 + a * 17 + b * 13) % 65_521 + (a ^ i) % 127 - (c | i) % 31 + (d & i) % 63  # HOT
    print(a, b, c, d)


main()

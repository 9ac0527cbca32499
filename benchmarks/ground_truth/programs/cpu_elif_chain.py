"""A chain of conditions; the dear line is in the branch taken most."""


def classify(n: int) -> int:
    if n % 16 == 0:
        return 1
    elif n % 16 == 1:
        return (n * 31) % 7
    else:
        return (n * n * 31 + n * 17) % 65_521 + (n ^ 0x3C) % 127 + (n | 9) % 63 + (n * 3) % 17 - (n & 255) % 13 + pow(n, 3, 1_009)  # HOT


def main() -> None:
    total = 0
    for n in range(2_300_000):
        total += classify(n)
    print(total)


main()

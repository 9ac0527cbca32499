"""A while loop whose body, not its condition, is dear."""


def main() -> None:
    i, x = 0, 1
    while i < 4_500_000:
        x = (x * 1_103_515_245 + 12_345) % 2_147_483_648 ^ (x >> 3)  # HOT
        i += 1
    print(x)


main()

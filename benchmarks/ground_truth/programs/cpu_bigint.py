"""A single operator on huge integers: seconds inside one bytecode."""


def main() -> None:
    base = 3**20_000
    value = 1
    for i in range(4):
        small = i + 1
        value = pow(base, 9, 10**9_000 + small)  # HOT
        small += 1
    total = 0
    for i in range(30):
        total ^= i
    print(value % 1_000, total)


for _ in range(40):
    main()

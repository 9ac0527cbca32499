"""C time in set operations, called from one line out of three."""


def main() -> None:
    evens = set(range(0, 200_000, 2))
    threes = set(range(0, 200_000, 3))
    total = 0
    for i in range(400):
        total += i
        total += len(evens & threes)  # HOT
        total -= 1
    print(total)


main()

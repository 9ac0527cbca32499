"""Many small objects, none of them big: a list of tuples that grows by append."""


def main() -> None:
    checksum = 0
    points = []
    for i in range(1_200_000):  # MAYBE
        checksum ^= i
        points.append((i, i + 0.5))  # ALLOC MAYBE
        checksum += 1
    print(checksum, len(points))


main()

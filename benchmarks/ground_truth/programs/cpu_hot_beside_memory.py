"""One line allocates a lot and takes little time; another takes the time."""


def main() -> None:
    kept = []
    total = 0
    for turn in range(20):
        kept.append(bytearray(4_000_000))  # MAYBE
        for i in range(450_000):
            total += (i * turn) % 31 ^ (i & 7)  # HOT
    print(total, len(kept))


main()

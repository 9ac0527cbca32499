"""A closure made by a factory; the closure's body costs."""


def make_filter(weights: list[int]):
    def apply(sample: int) -> int:
        return sum(w * sample % 255 for w in weights)  # HOT

    return apply


def main() -> None:
    apply = make_filter([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
    total = 0
    for sample in range(1_000_000):
        total += apply(sample)
    print(total)


main()

"""A call spread over lines whose last argument is the dear one."""


def combine(a: int, b: int, c: int) -> int:
    return a + b + c


def main() -> None:
    total = 0
    for i in range(220_000):
        total += combine(
            i,
            total % 3,
            max((i * k + 7) % 1_013 for k in range(40)),  # HOT
        )
    print(total)


main()

"""The other way round: the wrapper's checking costs, the function is trivial."""


def checked(function):
    def wrapper(*args):
        key = "|".join(repr(a) + type(a).__name__ + str(len(repr(a))) for a in args)  # HOT
        return function(*args) if key else None

    return wrapper


@checked
def add(a: int, b: int, c: int) -> int:
    return a + b + c


def main() -> None:
    total = 0
    for i in range(700_000):
        total += add(i, 2, 3)
    print(total)


main()

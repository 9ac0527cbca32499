"""A context manager entered often: its exit is what costs."""


class Audit:
    def __init__(self) -> None:
        self.log = 0

    def __enter__(self) -> "Audit":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.log ^= hash("/".join(str(self.log + k) for k in range(8)))  # HOT


def main() -> None:
    audit = Audit()
    for _ in range(500_000):
        with audit:
            pass
    print(audit.log != 0)


main()

"""Objects made by the hundred thousand; __post_init__ costs."""

from dataclasses import dataclass, field


@dataclass
class Order:
    number: int
    code: str = field(init=False)

    def __post_init__(self) -> None:
        self.code = "-".join(format(self.number * k % 65_521, "05x") for k in range(1, 9))  # HOT


def main() -> None:
    last = ""
    for i in range(420_000):
        last = Order(i).code
    print(last)


main()

"""Reading an attribute that is a property with work behind it."""


class Polygon:
    def __init__(self, sides: int) -> None:
        self.points = [(i * 13 % 101, i * 29 % 97) for i in range(sides)]

    @property
    def area(self) -> int:
        return sum(x * y - (x + 1) * (y + 1) + (x ^ y) % 7 for x, y in self.points)  # HOT


def main() -> None:
    shape = Polygon(100)
    total = 0
    for _ in range(60_000):
        total += shape.area
    print(total)


main()

"""Prices of all goods."""


def _discount(item: int, day: int) -> int:
    return (item * 37 + day * 101 + (item ^ day) % 17) % 89 + (item | day) % 7 - (day * 3) % 5  # HOT


def _price(item: int) -> int:
    best = 0
    for day in range(2_000):
        best = _discount(item, day)
    return best


def price_all(items: int) -> int:
    return sum(_price(item) for item in range(items))

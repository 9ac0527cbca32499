"""Blank images."""


def blank(number: int) -> bytearray:
    size = 1_400_000 + number
    return bytearray(size)  # ALLOC MAYBE

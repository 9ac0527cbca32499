"""A recursive walk whose cost is one line of arithmetic a node, not the walking."""


def walk(depth: int, seed: int) -> int:
    if depth == 0:
        return seed
    mixed = sum(((seed + k) * 2_654_435_761) >> 7 & 1023 for k in range(12))  # HOT
    left = walk(depth - 1, mixed)
    right = walk(depth - 1, mixed + 1)
    return left ^ right


print(walk(19, 1))

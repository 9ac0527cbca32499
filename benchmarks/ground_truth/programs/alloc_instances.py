"""Instances of a class with a dictionary each."""

import time


class Node:
    def __init__(self, value: int) -> None:
        self.value = value
        self.payload = [value] * 40  # ALLOC


def main() -> None:
    nodes = []
    for i in range(180_000):
        nodes.append(Node(i))
    time.sleep(0.5)
    print(len(nodes))


main()

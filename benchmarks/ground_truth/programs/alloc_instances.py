"""Instances of a class with a dictionary each."""

class Node:
    def __init__(self, value: int) -> None:
        self.value = value
        self.payload = [value] * 40  # ALLOC


def main() -> None:
    nodes = []
    for i in range(120_000):
        nodes.append(Node(i))
    total = 0
    for turn in range(60):
        total += sum(node.payload[turn % 40] for node in nodes)
    print(total)


main()

"""list(generator): the objects are made in the generator's line, the list only holds them."""

def records(count: int):
    for i in range(count):
        yield f"record number {i:012d} with some text to make it long enough to matter"  # ALLOC


def main() -> None:
    rows = list(records(400_000))
    total = 0
    for turn in range(12):
        total += sum(1 for row in rows if row[turn] == "0")
    print(total)


main()

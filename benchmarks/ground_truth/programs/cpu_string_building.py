"""Text built piece by piece; the formatting line is the dear one."""


def main() -> None:
    parts = []
    for i in range(900_000):
        name = "x"
        row = f"{name}:{i:>12,d}|{i / 7:010.4f}|{i:#x}"  # HOT
        if i % 50 == 0:
            parts.append(row)
    print(len("".join(parts)))


main()

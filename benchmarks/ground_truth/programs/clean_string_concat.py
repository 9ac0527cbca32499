"""A report is built as one string, written and started again."""


def main() -> None:
    written = 0
    for _ in range(200):
        report = ""
        for row in range(9_000):
            report += f"row {row:06d}: " + "data " * 30 + "\n"
        written += len(report)
    print(written)


main()

"""Comparisons of user objects, called back from the built-in sort."""


class Version:
    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: "Version") -> bool:
        return [int(p) for p in self.text.split(".")] < [int(p) for p in other.text.split(".")]  # HOT


def main() -> None:
    versions = [Version(f"{i * 7 % 13}.{i * 31 % 101}.{i % 17}") for i in range(12_000)]
    for _ in range(12):
        ordered = sorted(versions)
        versions = ordered[::2] + ordered[1::2]
    print(versions[0].text)


main()

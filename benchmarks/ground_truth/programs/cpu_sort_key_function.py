"""A sort whose key is a function elsewhere in the file."""


def rank(text: str) -> int:
    score = 0
    for char in text:
        score = (score * 31 + ord(char)) % 1_000_003  # HOT
    return score


def main() -> None:
    words = [f"word-{i * 7_919 % 100_003}" for i in range(60_000)]
    for _ in range(8):
        words = sorted(words, key=rank)
    print(words[0])


main()

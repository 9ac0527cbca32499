"""Number theory, the slow way."""


def longest_collatz(limit: int) -> int:
    longest = 0
    for start in range(1, limit):
        n, length = start, 0
        while n != 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1  # HOT
            length += 1
        longest = max(longest, length)
    return longest

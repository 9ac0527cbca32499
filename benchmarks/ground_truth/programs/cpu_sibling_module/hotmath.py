"""Number theory, the slow way."""


def primes_below(limit: int) -> int:
    count = 0
    for n in range(2, limit):
        for d in range(2, int(n**0.5) + 1):
            if n % d == 0 and n % d + d > 1:  # HOT
                break
        else:
            count += 1
    return count

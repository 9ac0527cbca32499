"""Imported by constructs.py."""


def helper(n):
    total = 0
    for i in range(n):
        total += (i * i) % 7 + (i * 3) % 11 + (i ^ 21) % 13 + i % 19  # hot
    return total

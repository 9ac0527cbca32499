"""The classic: no loop at all."""


def fib(n: int) -> int:
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)  # HOT


print(fib(33))

#: speaks: Fibonacci
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)  # HOT

#: speaks: a method, hot on its def
class Paths:
    def count(self, x, y):  # HOT
        if not x or not y:
            return 1
        return self.count(x - 1, y) + self.count(x, y - 1)

#: speaks: a knapsack
def best(i, left, weights):
    if i < 0:
        return 0
    return max(best(i - 1, left, weights), best(i - 1, left - weights[i], weights))  # HOT

#: silent: cached
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)  # HOT

#: silent: halves
def sort(xs, lo, hi):
    mid = (lo + hi) // 2
    return merge(sort(xs, lo, mid), sort(xs, mid, hi))  # HOT

#: silent: a tree
def depth(node):
    return 1 + max(depth(node.left), depth(node.right))  # HOT

#: silent: a sum of two parameters
def split(lo, hi):
    return split(lo, hi - lo) + split(lo + hi, hi)  # HOT

#: silent: a single call
def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)  # HOT

#: silent: for its effect only
def draw(n):
    draw(n - 1)  # HOT
    draw(n - 2)

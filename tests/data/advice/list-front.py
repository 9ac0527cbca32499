#: speaks: pop
def work(n):
    queue = list(range(n))
    while queue:
        queue.pop(0)  # HOT

#: speaks: insert
def work(n):
    queue = []
    for i in range(n):
        queue.insert(0, i)  # HOT

#: silent: a deque
from collections import deque
def work(n):
    queue = deque(range(n))
    while queue:
        queue.pop(0)  # HOT

#: silent: the end
def work(n):
    queue = list(range(n))
    while queue:
        queue.pop()  # HOT

#: speaks: bare
def work(xs):
    out = []
    for x in xs:
        out.append(x * x)  # HOT
    return out

#: speaks: with a condition
def work(xs):
    out = []
    for x in xs:
        if x:
            out.append(x * x)  # HOT
    return out

#: silent: more than an append
def work(xs):
    out = []
    for x in xs:
        y = x * x
        out.append(y)  # HOT

#: silent: two branches
def work(xs):
    out = []
    for x in xs:
        if x:
            out.append(x)  # HOT
        else:
            break

#: silent: a longer branch
def work(xs):
    out = []
    for x in xs:
        if x:
            out.append(x)  # HOT
            x.clear()

#: silent: no list
from collections import deque
def work(xs):
    out = deque()
    for x in xs:
        out.append(x)  # HOT

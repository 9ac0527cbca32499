#: speaks: in a loop
seen = []
for i in range(9999):
    if i not in seen:  # HOT
        seen.append(i)

#: speaks: in a comprehension
def work(xs, ys: list[int]):
    return [x for x in xs if x in ys]  # HOT

#: speaks: of an attribute
class Graph:
    def __init__(self):
        self.seen = list()

    def work(self, nodes):
        while nodes:
            if nodes.pop() in self.seen:  # HOT
                continue

#: silent: a set
seen = set()
for i in range(9999):
    if i not in seen:  # HOT
        seen.add(i)

#: silent: a few literals
for i in range(9999):
    if i in [1, 2, 3]:  # HOT
        print(i)

#: silent: once
def work(x, ys: list[int]):
    return x in ys  # HOT

#: silent: bound in two ways
def work(xs, fast):
    if fast:
        ys = set(xs)
    else:
        ys = list(xs)
    return [x for x in xs if x in ys]  # HOT

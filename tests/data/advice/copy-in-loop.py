#: speaks: a method
def work(a):
    for _ in range(9):
        b = a.copy()  # HOT

#: speaks: a slice
def work(rows):
    return [row[:] for row in rows]  # HOT

#: silent: once
def work(a):
    return a.copy()  # HOT

#: silent: a part
def work(rows):
    return [row[:2] for row in rows]  # HOT

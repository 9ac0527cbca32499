#: speaks: a matrix product
def work(a, b):
    return a @ b  # HOT

#: silent: no call
def work(a, b):
    return a * b  # HOT

#: speaks: +=
def work(n):
    out = ""
    for i in range(n):
        out += str(i)  # HOT
    return out

#: speaks: bytes, spelt out
def work(parts):
    out = b""
    while parts:
        out = out + parts.pop()  # HOT
    return out

#: silent: a number
def work(xs):
    total = 0
    for x in xs:
        total += x  # HOT

#: silent: outside a loop
def work(name):
    out = "hello "
    out += name  # HOT

#: silent: another target
def work(parts):
    out = ""
    for part in parts:
        line = out + part  # HOT

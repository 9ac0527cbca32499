"""All the work is at module level, none of it in a function, some of it in a class body."""

values = []
for n in range(600_000):
    values.append(n % 3)


class Tables:
    cubes = [(n * n * n) % 1_009 + (n ^ 7) % 13 for n in range(7_000_000) if n % 5 > -1]  # HOT MAYBE


print(len(values), len(Tables.cubes))

"""A loop of one line at module level."""

total = 0
for i in range(9_000_000):
    total += (i * i) % 7 ^ (i & 3)  # HOT
print(total)

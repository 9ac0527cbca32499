"""The hot line is in a module beside the script."""

import hotmath

total = 0
for i in range(10):
    total += hotmath.longest_collatz(12_000)
print(total)

"""The hot line is in a module beside the script."""

import hotmath

total = 0
for i in range(120):
    total += hotmath.primes_below(6_000)
print(total)

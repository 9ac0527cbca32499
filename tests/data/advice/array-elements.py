#: speaks: by index
import numpy as np
def work(n):
    a = np.arange(n)
    total = 0
    for i in range(n):
        total += a[i]  # HOT

#: speaks: by element
import numpy as np
def work(a: np.ndarray):
    total = 0
    for x in a:
        total += x * 2  # HOT

#: silent: a list
import numpy as np
def work(n):
    a = list(range(n))
    total = 0
    for i in range(n):
        total += a[i]  # HOT

#: silent: whole rows at once
import numpy as np
def work(a: np.ndarray, n):
    for i in range(n):
        a[i:] += 1  # HOT

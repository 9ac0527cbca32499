#: speaks: a comprehension
rows = [str(i) for i in range(9_999_999)]  # HOT

#: speaks: a list of an iterator
rows = list(range(9_999_999))  # HOT

#: speaks: a whole file
def work(file):
    return file.readlines()  # HOT

#: speaks: an append in a loop
kept = []
while True:
    kept.append(bytearray(1 << 20))  # HOT

#: silent: one array
import numpy as np
a = np.zeros(99_999_999)  # HOT

#: speaks: numpy.append
import numpy as np
def work(n):
    a = np.zeros(0)
    for i in range(n):
        a = np.append(a, i)  # HOT

#: speaks: pandas.concat
import pandas
def work(parts):
    df = pandas.DataFrame()
    for part in parts:
        df = pandas.concat([df, part])  # HOT

#: speaks: DataFrame.append
import pandas
def work(parts):
    df = pandas.DataFrame()
    for part in parts:
        df = df.append(part)  # HOT

#: silent: parts of something else
import numpy as np
def work(parts):
    for left, right in parts:
        both = np.concatenate([left, right])  # HOT

#: silent: once
import numpy as np
def work(a):
    a = np.append(a, 1)  # HOT

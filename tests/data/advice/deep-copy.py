#: speaks: in a loop
from copy import deepcopy
def work(states, xs):
    for x in xs:
        states.insert(x, deepcopy(x))  # HOT

#: silent: once
import copy
def work(x):
    return copy.deepcopy(x)  # HOT

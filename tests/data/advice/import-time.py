#: speaks: at the top
import numpy  # HOT

#: silent: something else
numpy = __import__("numpy")  # HOT

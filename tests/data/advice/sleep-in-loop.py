#: speaks: polling
import time
def work(ready):
    while not ready():
        time.sleep(0.1)  # HOT

#: silent: once
import time
time.sleep(3)  # HOT

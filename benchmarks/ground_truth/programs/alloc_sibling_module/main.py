"""The memory is made in a module beside the script."""

import time

import images

frames = []
for number in range(60):
    frames.append(images.blank(number))
    time.sleep(0.015)
print(len(frames))

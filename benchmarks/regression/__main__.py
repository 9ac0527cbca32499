"""``python -m benchmarks.regression``."""

from benchmarks._cli import run
from benchmarks.regression.run import main

run(main)

"""``python -m benchmarks.compare_pairs``."""

from benchmarks._cli import run
from benchmarks.compare_pairs.run import main

run(main)

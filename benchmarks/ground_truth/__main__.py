"""``python -m benchmarks.ground_truth``."""

from benchmarks._cli import run
from benchmarks.ground_truth.run import main

run(main)

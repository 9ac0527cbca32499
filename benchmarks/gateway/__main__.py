"""``python -m benchmarks.gateway``."""

from benchmarks._cli import run
from benchmarks.gateway.run import main

run(main)

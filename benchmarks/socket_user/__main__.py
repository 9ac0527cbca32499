"""``python -m benchmarks.socket_user``."""

from benchmarks._cli import run
from benchmarks.socket_user.run import main

run(main)

"""List the benchmarks, or run them: ``python -m benchmarks [run [NAME ...]]``."""

import importlib
import sys

import cyclopts
from rich.console import Console
from rich.table import Table

BENCHMARKS = (
    "ground_truth.run",
    "compare_pairs.run",
    "gateway.run",
    "overhead",
    "big_profile",
    "list_profiles",
    "concurrency",
    "breaking_point",
    "kill9",
    "leak_detection",
    "load_comparison",
    "load_truth",
    "load_generator",
    "socket_user.run",
    "regression.run",
    "regression.proof",
)

app = cyclopts.App(name="benchmarks", help="Measurements against a named limit or peer.")


@app.default
def listing() -> int:
    """Say what each benchmark measures."""
    table = Table("benchmark", "measures", box=None, pad_edge=False)
    for name in BENCHMARKS:
        module = importlib.import_module(f"benchmarks.{name}")
        table.add_row(name.removesuffix(".run"), (module.__doc__ or "").partition("\n")[0])
    Console().print(table)
    return 0


@app.command(name="run")
def run_all(*names: str) -> int:
    """Run benchmarks one after another; exit status 1 where one misses a bar.

    Parameters
    ----------
    names: Which; default: all.
    """
    failed = []
    for name in BENCHMARKS:
        short = name.removesuffix(".run")
        if names and short not in names:
            continue
        if importlib.import_module(f"benchmarks.{name}").main():
            failed.append(short)
    if failed:
        sys.stderr.write(f"missed a bar: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(app(result_action="return_value"))

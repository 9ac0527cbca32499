"""The command line of a benchmark: its function's parameters are its options."""

import inspect
import sys
from collections.abc import Callable

import cyclopts


def run(main: Callable[..., int]) -> None:
    """Run ``main`` with the options of the command line and leave with its status."""
    module = inspect.getmodule(main)
    app = cyclopts.App(help=(module.__doc__ if module else None) or main.__doc__)
    app.default(main)
    sys.exit(app(result_action="return_value"))

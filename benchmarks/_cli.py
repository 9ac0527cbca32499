"""The command line of a benchmark: its function's parameters are its options."""

import inspect
import sys
from collections.abc import Callable

import cyclopts


def run(main: Callable[..., int]) -> None:
    """Run ``main`` with the options of the command line and leave with its status.

    Options that make no sense are told, and end with status 2.
    """
    module = inspect.getmodule(main)
    app = cyclopts.App(help=(module.__doc__ if module else None) or main.__doc__)
    app.default(main)
    try:
        status = app(result_action="return_value", exit_on_error=False)
    except cyclopts.CycloptsError:  # told already
        status = 2
    sys.exit(status)

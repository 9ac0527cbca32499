"""Which errors are meant: classes, or a function that is asked."""

from collections.abc import Callable

Expected = type[BaseException] | tuple[type[BaseException], ...] | Callable[[Exception], bool]


def is_expected(error: Exception, expected: Expected) -> bool:
    """Whether ``error`` is one of those."""
    if isinstance(expected, type | tuple):
        return isinstance(error, expected)
    return expected(error)

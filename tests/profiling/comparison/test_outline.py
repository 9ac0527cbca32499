"""The functions of a source text, as dynogate.profiling.comparison.outline reads them."""

import pytest

from dynogate.profiling.comparison.outline import Outline

SOURCE = '''\
import functools


@functools.cache
def fib(n):
    """Slow."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)


class Box:
    size = 3

    def grow(self):
        def inner(k):
            return [x for x in range(k)]
        return inner(self.size)
'''


def code(text: str, name: str = "f") -> str:
    """The comparable code of one function of a text."""
    return Outline.parse(text).definitions[name].code


@pytest.mark.parametrize(
    ("lineno", "name"),
    [
        (1, "<module>"),
        (4, "fib"),
        (7, "fib"),
        (11, "Box"),
        (13, "Box.grow"),
        (15, "Box.grow.<locals>.inner"),
        (16, "Box.grow"),
    ],
)
def test_a_line_belongs_to_the_innermost_definition(lineno: int, name: str) -> None:
    """Names are Python's qualified names; a decorator belongs to its function."""
    assert Outline.parse(SOURCE).function("<unknown>", lineno) == name


def test_a_known_name_on_its_own_line_is_kept() -> None:
    """A frame's own qualified name wins where the line agrees with it."""
    assert Outline.parse(SOURCE).function("Box.grow", 14) == "Box.grow"


def test_a_bare_name_is_settled_by_its_line() -> None:
    """Interpreters before 3.11 report methods and comprehensions without their owners."""
    outline = Outline.parse(SOURCE)
    assert outline.function("grow", 16) == "Box.grow"
    assert outline.function("<listcomp>", 15) == "Box.grow.<locals>.inner"


@pytest.mark.parametrize("text", ["def f(:\n", "x = '\0'", None])
def test_text_that_cannot_be_read_has_no_definitions_but_keeps_names(text: str | None) -> None:
    """Another Python's grammar must not stop a comparison."""
    assert Outline.parse(text).function("f", 1) == "f" or text is None


def test_layout_comments_and_docstring_do_not_change_the_code() -> None:
    """Only what runs counts as a change."""
    plain = "def f(a):\n    return a + 1\n"
    dressed = '\n\ndef f(a):\n    """Adds."""\n    # one more\n    return (a\n            + 1)\n'
    assert code(plain) == code(dressed)


@pytest.mark.parametrize(
    "other",
    [
        "def f(a):\n    return a + 2\n",
        "def f(a, b=1):\n    return a + 1\n",
        "@g\ndef f(a):\n    return a + 1\n",
    ],
)
def test_what_runs_changes_the_code(other: str) -> None:
    """Body, parameters and decorators all count."""
    assert code("def f(a):\n    return a + 1\n") != code(other)


def test_an_inner_function_is_not_its_outer_functions_code() -> None:
    """A change is credited to the function it was made in, not to all around it."""
    text = "def f():\n    def g():\n        return {}\n    return g()\n"
    one, two = text.format(1), text.format(2)
    assert code(one) == code(two)
    assert code(one, "f.<locals>.g") != code(two, "f.<locals>.g")


def test_a_renamed_recursive_function_is_the_same_code() -> None:
    """Its own name inside it is no difference."""
    text = "def {0}(n):\n    return n and {0}(n - 1)\n"
    assert code(text.format("f")) == code(text.format("g"), "g")


def test_a_class_body_is_code_without_its_methods() -> None:
    """Class-level statements run once, at definition."""
    one = "class A:\n    x = 1\n    def m(self):\n        return 1\n"
    assert code(one, "A") == code(one.replace("return 1", "return 2"), "A")
    assert code(one, "A") != code(one.replace("x = 1", "x = 2"), "A")


@pytest.mark.parametrize(("lineno", "text"), [(11, "size = 3"), (99, ""), (0, "")])
def test_lines_are_given_without_their_indent(lineno: int, text: str) -> None:
    """A line beyond the text is empty."""
    assert Outline.parse(SOURCE).line(lineno) == text

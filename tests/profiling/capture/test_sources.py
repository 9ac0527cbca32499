"""Texts of files and the functions in them."""

from pathlib import Path

import pytest

from dynogate.profiling.capture import sources
from dynogate.profiling.capture.sources import SourceIndex

TEXT = """\
import os

class Outer:
    limit = 3

    class Inner:
        def method(self):
            def helper():
                return 1
            return helper()

    async def other(self):
        return [x for x in range(3)]

def last(): return 2
value = 1
"""


@pytest.fixture
def index() -> SourceIndex:
    return SourceIndex({"a.py": TEXT})


@pytest.mark.parametrize(
    ("lineno", "name"),
    [
        (1, "<module>"),
        (4, "<module>"),
        (7, "Outer.Inner.method"),
        (9, "Outer.Inner.method.<locals>.helper"),
        (10, "Outer.Inner.method"),
        (11, "<module>"),
        (13, "Outer.other"),
        (15, "last"),
        (16, "<module>"),
        (999, "<module>"),
    ],
)
def test_a_line_has_the_innermost_function(index: SourceIndex, lineno: int, name: str) -> None:
    """Qualified as Python qualifies it; class bodies and the rest belong to the module."""
    assert index.function("a.py", lineno) == name


def test_functions_have_their_range(index: SourceIndex) -> None:
    """From ``def`` to the last line, in order."""
    ranges = {item.name: (item.first_lineno, item.last_lineno) for item in index.functions("a.py")}
    assert ranges["Outer.Inner.method"] == (7, 10)
    assert list(ranges)[-1] == "last"


def test_lines_have_their_text(index: SourceIndex) -> None:
    """A number outside the file has none."""
    assert (index.line("a.py", 16), index.line("a.py", 0), index.line("a.py", 17)) == (
        "value = 1",
        "",
        "",
    )


def test_files_are_read_from_disk(tmp_path: Path) -> None:
    """A file whose text was not given is read."""
    path = tmp_path / "b.py"
    path.write_text("def f():\n    pass\n")
    assert SourceIndex().function(str(path), 2) == "f"


def test_a_missing_file_has_no_lines() -> None:
    """No file, no text, and no error."""
    assert SourceIndex().line("/nonexistent/c.py", 1) == ""


def test_text_that_is_no_python_has_lines_only() -> None:
    """Functions are unknown where the text can't be parsed."""
    index = SourceIndex({"d.py": "def f(:\n"})
    assert (index.line("d.py", 1), index.functions("d.py")) == ("def f(:", ())


def test_huge_files_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generated file of megabytes is left alone."""
    monkeypatch.setattr(sources, "MAX_SOURCE_BYTES", 10)
    path = tmp_path / "e.py"
    path.write_text("def function(): pass\n")
    assert SourceIndex().line(str(path), 1) == ""

"""Tables and figures as text."""

import pytest

from dynogate.profiling.text import clip, mb, percent, plural, seconds, table


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    """Numbers align right and names left, so that a column can be read downwards."""
    lines = table((("cpu", ">"), ("line", "<")), [("100.0 %", "a.py:1"), ("5.0 %", "b.py:22")])
    assert lines == ["    cpu  line", "100.0 %  a.py:1", "  5.0 %  b.py:22"]


def test_rows_left_out_are_counted() -> None:
    """A reader is told that there is more than the table shows."""
    assert table((("a", "<"),), [("x",), ("y",)], limit=1, total=4)[-1] == "… and 3 more"


def test_a_table_without_rows_is_its_header() -> None:
    """An empty table does not fail."""
    assert table((("cpu", ">"),), []) == ["cpu"]


@pytest.mark.parametrize("figure", [percent, mb, seconds])
def test_an_unknown_figure_is_a_question_mark(figure: object) -> None:
    """Unknown is never shown as 0."""
    assert callable(figure)
    assert figure(None) == "?"


def test_a_long_source_line_is_cut() -> None:
    """A line of any length, indented or not, takes one cell of a table."""
    assert clip("    x  =\n" + "1" * 100, 10) == "x = 11111…"


@pytest.mark.parametrize(("count", "said"), [(1, "1 line"), (0, "0 lines"), (2, "2 lines")])
def test_one_is_singular(count: int, said: str) -> None:
    """Counts read as a person would say them."""
    assert plural(count, "line") == said

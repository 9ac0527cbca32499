"""What the syntax around a line tells: statement, loops, names and kinds of values."""

import ast
import os
import warnings
from pathlib import Path

import pytest

from dynogate.profiling.analysis.syntax import Sources, SourceTree, main_files
from dynogate.profiling.models import FileProfile
from tests.profiles import SCRIPT, SOURCE, sample_line, sample_profile, sample_target


def named(tree: SourceTree, name: str) -> ast.Name:
    """The last use of a name, with its surroundings known."""
    for statement in tree.module.body:
        tree.statement(statement.lineno)
    found = [n for n in ast.walk(tree.module) if isinstance(n, ast.Name) and n.id == name]
    return max(found, key=lambda node: (node.lineno, node.col_offset))


def kind(source: str, name: str = "x") -> str | None:
    """What the last use of ``name`` is found to hold."""
    tree = SourceTree(source)
    return tree.kind(named(tree, name), named(tree, name))


SHAPES = """\
try:
    first()
except ValueError:
    second()
match third:
    case 1:
        fourth()
with fifth() as f:
    sixth(
        f
    )
"""


@pytest.mark.parametrize(
    ("lineno", "made_of"),
    [(2, "first"), (4, "second"), (5, "third"), (7, "fourth"), (8, "fifth"), (10, "sixth")],
)
def test_the_innermost_statement_of_a_line_is_found(lineno: int, made_of: str) -> None:
    """In handlers, cases and bodies, on headers and within statements of several lines."""
    tree = SourceTree(SHAPES)
    statement = tree.statement(lineno)
    assert statement is not None
    names = {node.id for node in tree.nodes(statement) if isinstance(node, ast.Name)}
    assert made_of in names
    assert len(names & {"first", "second", "third", "fourth", "fifth", "sixth"}) == 1


def test_a_line_without_code_has_no_statement() -> None:
    """Comments and lines beyond the end belong to nothing."""
    tree = SourceTree("# nothing\n\nx = 1\n")
    assert (tree.statement(1), tree.statement(9)) == (None, None)


@pytest.mark.parametrize(
    ("source", "looped"),
    [
        ("for i in y:\n    x", True),
        ("for i in x:\n    pass", False),
        ("for i in y:\n    pass\nelse:\n    x", False),
        ("while x:\n    pass", True),
        ("while y:\n    x", True),
        ("while y:\n    pass\nelse:\n    x", False),
        ("[x for i in y]", True),
        ("[i for i in x]", False),
        ("[i for i in y if x]", True),
        ("[i for j in y for i in x]", True),
        ("{i: x for i in y}", True),
        ("for i in y:\n    def f():\n        x", False),
        ("for i in y:\n    f(lambda: x)", False),
    ],
)
def test_what_a_loop_runs_again_and_again(source: str, looped: bool) -> None:
    """Bodies, tests and elements are; what is evaluated once, or by another function, is not."""
    tree = SourceTree(source)
    assert bool(tree.loops(named(tree, "x"))) is looped


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = []\nx", "list"),
        ("x = [0] * 9\nx", "list"),
        ("x = sorted(y)\nx", "list"),
        ("x = text.split()\nx", "list"),
        ("x = {*y}\nx", "set"),
        ("x = {}\nx", "dict"),
        ("x = ()\nx", "tuple"),
        ("x = f'{y}'\nx", "str"),
        ("x = ''.join(y)\nx", "str"),
        ("x = y.join(z)\nx", None),
        ("x = b''\nx", "bytes"),
        ("x = 1\nx", None),
        ("x = y\nx", None),
        ("x = f(1)(2)\nx", None),
        ("import numpy as np\nx = np.zeros(9)\nx", "ndarray"),
        ("from numpy import random\nx = random.rand(9)\nx", "ndarray"),
        ("import numpy\nx = numpy.sum(y)\nx", None),
        ("import pandas as pd\nx = pd.read_csv('y')\nx", "dataframe"),
        ("x: list[int]\nx", "list"),
        ("x: 'list'\nx", None),
        ("x = []\nx = x + y\nx", "list"),
        ("x = []\nx = set()\nx", None),
        ("x = []\nfor x in y:\n    x", None),
        ("def f(x: str):\n    x", "str"),
        ("x = []\ndef f(x):\n    x", None),
        ("x = []\ndef f():\n    x", "list"),
        ("def g():\n    x = []\ndef f():\n    x", None),
        ("x", None),
    ],
)
def test_what_a_name_holds_where_the_code_shows_it(source: str, found: str | None) -> None:
    """By literals, well-known calls and annotations; None where bindings disagree or are unseen."""
    assert kind(source) == found


def test_imports_are_found_wherever_they_stand() -> None:
    """Also within functions; relative ones belong to no package."""
    tree = SourceTree("def f():\n    import numpy.linalg\nfrom . import pandas\n")
    assert (tree.imports("numpy"), tree.imports("pandas")) == (True, False)
    assert tree.name(ast.parse("numpy.linalg.norm", mode="eval").body) == "numpy.linalg.norm"


def test_questionable_escapes_do_not_warn() -> None:
    """The profiled program's own warnings are no business of the reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SourceTree("x = '\\d'\n")


@pytest.mark.parametrize("text", ["x" * 1_000_001, "-" * 100_000 + "1"])
def test_sources_beyond_measure_are_refused(text: str) -> None:
    """Files too long or too deeply nested to parse are an error of their own."""
    with pytest.raises(ValueError, match="source is"):
        SourceTree(text)


def test_the_text_of_the_main_file_is_in_the_profile() -> None:
    """No file needs to be there any more."""
    sources = Sources(sample_profile())
    assert sources.line(SCRIPT, 4) == "def square_sum(n):"
    assert (sources.line(SCRIPT, 0), sources.line(SCRIPT, 999)) == ("", "")


def test_the_text_of_a_snippet_is_in_the_profile() -> None:
    """Its lines go by another name than the program."""
    sources = Sources(sample_profile(target=sample_target("<code>", kind="code", path=None)))
    assert sources.line("code.py", 4) == SOURCE.splitlines()[3]


def test_the_main_file_of_a_module_is_not_known() -> None:
    """Only the lines tell which files it had."""
    assert main_files(sample_target("json.tool", kind="module", path=None)) == ()


def unread(path: Path, lineno: int = 1, source: str = "x = 1") -> SourceTree | None:
    """The syntax of an imported file of which one line was profiled."""
    line = sample_line(lineno, source=source)
    part = FileProfile(file=str(path), cpu_percent=0.0, lines=(line,))
    return Sources(sample_profile(files=(part,))).tree(str(path))


def test_an_imported_file_counts_only_as_it_was(tmp_path: Path) -> None:
    """Changed, shortened, unreadable, or gone: its syntax is then unknown."""
    path = tmp_path / "work.py"
    path.write_text("x = 1\n")
    assert unread(path) is not None
    assert unread(path, source="x = 2") is None
    assert unread(path, lineno=2) is None
    path.write_bytes(b"x = 1  # \xff\n")
    assert unread(path) is None
    path.unlink()
    assert unread(path) is None


def test_a_device_is_not_read(tmp_path: Path) -> None:
    """A name that leads to no ordinary file is left alone."""
    path = tmp_path / "pipe.py"
    os.mkfifo(path)
    assert unread(path) is None


def test_a_file_that_was_not_profiled_is_not_read(tmp_path: Path) -> None:
    """Only files of which the profile has lines are looked at."""
    path = tmp_path / "other.py"
    path.write_text("x = 1\n")
    assert Sources(sample_profile()).tree(str(path)) is None

"""Slowdowns of known size, planted into scratch copies of this tree."""

import ast
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.regression.trees import HERE, PACKAGE, Tree, prepared

PLACES = {
    "rpc": ("transports/rpc.py", "RpcEndpoint", "_call"),
    "modern": ("transports/modern.py", "ModernEndpoint", "post"),
    "limiter": ("guards/rate_limit.py", "RateLimit", "take"),
    "registry": ("tools/registry.py", "FunctionTool", "read_arguments"),
    "parse": ("profiling/capture/parser.py", "ProfileParser", "parse_file"),
    "hotspots": ("profiling/analysis/analyzer.py", "ProfileAnalyzer", "get_cpu_hotspots"),
    "store": ("profiling/storage.py", "ProfileStorage", "store"),
}
"""For each hot path a method that it calls once: file, class, name."""


@contextmanager
def scratch(path: str | None = None, code: str = "") -> Iterator[Tree]:
    """A copy of this tree that goes away, with a line of ``code`` planted into a hot path."""
    with TemporaryDirectory(prefix="regression-") as folder:
        package = Path(folder) / PACKAGE
        shutil.copytree(HERE.folder / PACKAGE, package, ignore=shutil.ignore_patterns("*.pyc"))
        tree = Tree("the copy", Path(folder))
        if path is not None:
            plant(tree, path, code)
        yield prepared(tree)


def loop(times: float) -> str:
    """Code that takes instructions, as many in every turn, and does nothing.

    The characters of a text are made once, unlike numbers from a range.
    """
    return f"for _ in 'x' * {round(times)}: pass"


def wait(seconds: float) -> str:
    """Code that takes time, and hardly an instruction."""
    return f"__import__('time').sleep({seconds!r})"


def plant(tree: Tree, path: str, code: str) -> None:
    """Write ``code`` before the first statement of the method that stands for a hot path.

    Raises:
        ValueError: the method is not where ``PLACES`` has it.
    """
    name, owner, method = PLACES[path]
    file = tree.folder / PACKAGE / name
    text = file.read_text()
    (found,) = (
        member
        for node in ast.parse(text).body
        if isinstance(node, ast.ClassDef) and node.name == owner
        for member in node.body
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef) and member.name == method
    )
    first = found.body[ast.get_docstring(found) is not None]
    lines = text.splitlines(keepends=True)
    lines.insert(first.lineno - 1, f"{' ' * first.col_offset}{code}\n")
    file.write_text("".join(lines))

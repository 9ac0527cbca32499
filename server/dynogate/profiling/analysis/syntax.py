"""The syntax around a profiled line: its statement, the loops and function it is in, its names."""

import ast
import threading
import warnings
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from dynogate.profiling.capture.targets import CODE_NAME
from dynogate.profiling.models import FileProfile, ProfileResult, Target

_LONGEST_SOURCE = 1_000_000
"""Characters of a file beyond which it is not parsed: 20,000 lines take about 0.2 s."""

_PARSING = threading.Lock()  # silencing the parser's warnings changes a global of the interpreter

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_LIST_METHODS = frozenset({"split", "rsplit", "splitlines", "readlines", "tolist"})
_ARRAY_MAKERS = frozenset(
    {"array", "asarray", "arange", "empty", "empty_like", "eye", "full", "full_like", "identity"}
    | {"linspace", "logspace", "ones", "ones_like", "zeros", "zeros_like", "fromiter"}
    | {"frombuffer", "loadtxt", "genfromtxt"}
)
_CALL_KINDS = {
    "list": "list",
    "sorted": "list",
    "str": "str",
    "bytes": "bytes",
    "set": "set",
    "frozenset": "set",
    "dict": "dict",
    "tuple": "tuple",
}
_LITERAL_KINDS: dict[type[ast.expr], str] = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.Tuple: "tuple",
    ast.JoinedStr: "str",
}
_ANNOTATED = {
    "list": "list",
    "typing.List": "list",
    "str": "str",
    "bytes": "bytes",
    "numpy.ndarray": "ndarray",
    "numpy.typing.NDArray": "ndarray",
    "pandas.DataFrame": "dataframe",
}

Loop = ast.For | ast.AsyncFor | ast.While | ast.expr
"""A loop statement or a comprehension."""


class SourceTree:
    """A parsed source file.

    Raises:
        SyntaxError: ``text`` is not Python of this interpreter's grammar.
        ValueError: ``text`` is too long, too deeply nested or has null bytes.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST_SOURCE:
            raise ValueError(f"source is over {_LONGEST_SOURCE} characters")
        try:
            with _PARSING, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.module = ast.parse(text)
        except (RecursionError, MemoryError) as error:
            raise ValueError("source is too deeply nested") from error
        self._parents: dict[ast.AST, ast.AST] = {}
        self._linked: set[ast.stmt] = set()

    def statement(self, lineno: int) -> ast.stmt | None:
        """The innermost statement on a line; a compound one counts for its header's lines."""
        body: list[ast.stmt] = self.module.body
        found: ast.stmt | None = None
        while body:
            inside = next((s for s in body if s.lineno <= lineno <= (s.end_lineno or 0)), None)
            if inside is None:
                break
            if found is None:
                self._link(inside)
            found = inside
            body = [s for s in _blocks(inside) if s.lineno <= lineno]
        return found

    def nodes(self, statement: ast.stmt) -> Iterator[ast.AST]:
        """The nodes of a statement, without the statements in its body."""
        pending: list[ast.AST] = [statement]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(
                child
                for child in ast.iter_child_nodes(node)
                if not isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case))
            )

    def ancestors(self, node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Pairs of (parent, child) from ``node`` outwards to the module."""
        child = node
        while (parent := self._parents.get(child)) is not None:
            yield parent, child
            child = parent

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node around ``node``."""
        return self._parents.get(node)

    def loops(self, node: ast.AST) -> list[Loop]:
        """The loops that run ``node`` again and again, innermost first, within its function."""
        found: list[Loop] = []
        for parent, child in self.ancestors(node):
            if isinstance(parent, _SCOPES):
                break
            loop = self._loop_of(parent, child)
            if loop is not None:
                found.append(loop)
        return found

    def _loop_of(self, parent: ast.AST, child: ast.AST) -> Loop | None:
        if isinstance(parent, (ast.For, ast.AsyncFor)):
            return parent if child in parent.body else None
        if isinstance(parent, ast.While):
            return parent if child is parent.test or child in parent.body else None
        if isinstance(parent, _COMPREHENSIONS):
            return parent if child is not parent.generators[0] else None
        if isinstance(parent, ast.comprehension):
            whole = self._parents[parent]
            if isinstance(whole, _COMPREHENSIONS) and whole.generators[0] is parent:
                return whole if child is not parent.iter else None
        return None

    def function(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The function ``node`` is in, or None at module level."""
        for parent, _ in self.ancestors(node):
            if isinstance(parent, _FUNCTIONS):
                return parent
        return None

    @cached_property
    def _imports(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for node in _statements(self.module.body):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    root = alias.name.partition(".")[0]
                    names[alias.asname or root] = alias.name if alias.asname else root
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        return names

    def imports(self, package: str) -> bool:
        """Whether anything of ``package`` is imported anywhere in the file."""
        return any(name.partition(".")[0] == package for name in self._imports.values())

    def name(self, node: ast.expr) -> str:
        """The dotted name of an expression, imports resolved; empty where it has none.

        ``np.random.rand`` is ``numpy.random.rand``; ``f(x).y`` has no name.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        parts.append(self._imports.get(node.id, node.id))
        return ".".join(reversed(parts))

    def kind(self, target: ast.expr, at: ast.AST) -> str | None:
        """What ``target`` (a name or ``self.x``) holds at a node, where all bindings agree.

        One of list, str, bytes, set, dict, tuple, ndarray, dataframe; None where the code
        does not show it.
        """
        if not isinstance(target, (ast.Name, ast.Attribute)):
            return self.value_kind(target)
        text = ast.unparse(target)
        for scope in self._scopes(at, attribute=isinstance(target, ast.Attribute)):
            nodes = ast.walk(scope) if isinstance(scope, ast.ClassDef) else _own_nodes(scope)
            kinds = {kind for node in nodes for kind in self._bound(node, text)}
            if kinds:
                return kinds.pop() if len(kinds) == 1 else None
        return None

    def value_kind(self, value: ast.expr) -> str | None:
        """The kind of value an expression makes, where its form shows it."""
        if isinstance(value, ast.Constant):
            name = type(value.value).__name__
            return name if name in {"str", "bytes"} else None
        if isinstance(value, ast.Call):
            return self._call_kind(value)
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult):
            return self.value_kind(value.left)
        return _LITERAL_KINDS.get(type(value))

    def _call_kind(self, call: ast.Call) -> str | None:
        name = self.name(call.func)
        if name in _CALL_KINDS:
            return _CALL_KINDS[name]
        package, _, rest = name.partition(".")
        if package == "numpy" and (rest in _ARRAY_MAKERS or rest.startswith("random.")):
            return "ndarray"
        if package == "pandas" and (rest == "DataFrame" or rest.startswith("read_")):
            return "dataframe"
        if isinstance(call.func, ast.Attribute):
            if call.func.attr in _LIST_METHODS:
                return "list"
            if call.func.attr == "join" and self.value_kind(call.func.value) == "str":
                return "str"
        return None

    def _bound(self, node: ast.AST, text: str) -> Iterator[str | None]:
        """The kind of each value that ``node`` itself binds to the target called ``text``."""
        if isinstance(node, ast.Assign):
            # ``s = s + x`` tells nothing new about s: its other bindings do.
            if text in _texts(node.targets) and text not in _texts(ast.walk(node.value)):
                yield self.value_kind(node.value)
        elif isinstance(node, ast.AnnAssign):
            if text in _texts([node.target]):
                yield self._annotated(node.annotation)
        elif isinstance(node, ast.arg):
            if node.arg == text:
                yield self._annotated(node.annotation) if node.annotation else None
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)) and text in _texts(
            ast.walk(node.target)
        ):
            yield None

    def _annotated(self, annotation: ast.expr) -> str | None:
        if isinstance(annotation, ast.Subscript):
            annotation = annotation.value
        return _ANNOTATED.get(self.name(annotation))

    def _scopes(self, at: ast.AST, *, attribute: bool) -> Iterator[ast.AST]:
        for parent, _ in self.ancestors(at):
            if isinstance(parent, _FUNCTIONS) or (attribute and isinstance(parent, ast.ClassDef)):
                yield parent
        yield self.module

    def _link(self, top: ast.stmt) -> None:
        """Note the parents of everything in a top-level statement."""
        if top in self._linked:
            return
        self._linked.add(top)
        for node in ast.walk(top):
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node


class Sources:
    """The texts of the profiled files as they were when the program ran, and their syntax.

    The main file's text is in the profile. Any other file is read from disk, and counts only
    where every profiled line still has the text it had.
    """

    def __init__(self, profile: ProfileResult) -> None:
        self._target = profile.target
        self._files = {part.file: part for part in profile.files}
        self._texts: dict[str, str | None] = {}
        self._trees: dict[str, SourceTree | None] = {}

    def tree(self, file: str) -> SourceTree | None:
        """A file's syntax, or None where its text is unknown or no Python of this version."""
        if file not in self._trees:
            text = self._text(file)
            try:
                self._trees[file] = None if text is None else SourceTree(text)
            except (SyntaxError, ValueError):
                self._trees[file] = None
        return self._trees[file]

    def line(self, file: str, lineno: int) -> str:
        """The text of a line; empty where it is unknown."""
        lines = (self._text(file) or "").splitlines()
        return lines[lineno - 1] if 0 < lineno <= len(lines) else ""

    def _text(self, file: str) -> str | None:
        if file not in self._texts:
            self._texts[file] = self._find(file)
        return self._texts[file]

    def _find(self, file: str) -> str | None:
        if self._target.source is not None and file in main_files(self._target):
            return self._target.source
        part = self._files.get(file)
        return None if part is None else _unchanged(part)


def main_files(target: Target) -> tuple[str, ...]:
    """The name that a profile's lines give the main file; none for a module, whose is unknown."""
    if target.kind == "code":
        return (CODE_NAME,)
    return (target.path,) if target.path else ()


def _unchanged(part: FileProfile) -> str | None:
    path = Path(part.file)
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_SOURCE:
            return None
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    lines = text.splitlines()
    same = all(
        line.lineno <= len(lines) and lines[line.lineno - 1].strip() == line.source.strip()
        for line in part.lines
    )
    return text if same else None


def _blocks(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements directly inside a compound statement."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
            yield from child.body


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of a block, nested ones included."""
    pending = list(body)
    while pending:
        statement = pending.pop()
        yield statement
        pending.extend(_blocks(statement))


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, without those of the functions and classes in it."""
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, _SCOPES):
            pending.extend(ast.iter_child_nodes(node))


def _texts(nodes: Iterable[ast.AST]) -> set[str]:
    """The names and dotted attributes among ``nodes``, as written."""
    return {ast.unparse(node) for node in nodes if isinstance(node, (ast.Name, ast.Attribute))}

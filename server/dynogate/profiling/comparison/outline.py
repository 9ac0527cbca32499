"""The functions of a source text: where each lies, and what its own code says."""

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MODULE = "<module>"

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Definition:
    """A function, a class body or the module's top level.

    Attributes:
        name: qualified name, as Python's ``__qualname__``, or ``<module>``.
        code: its own code without comments, docstring, layout, its own name and the functions
            inside it: equal for two functions that do the same in the same words.
    """

    name: str
    first_lineno: int
    last_lineno: int
    code: str


class Outline:
    """The definitions of one source file, by name and by line."""

    def __init__(self, definitions: Iterable[Definition], sources: Sequence[str]) -> None:
        self.definitions = {definition.name: definition for definition in definitions}
        self.sources = sources
        self._owners: dict[int, str] = {}
        for definition in self.definitions.values():  # outer before inner: the inner one stays
            for lineno in range(definition.first_lineno, definition.last_lineno + 1):
                self._owners[lineno] = definition.name

    @classmethod
    def parse(cls, text: str | None) -> "Outline":
        """Read a source text; one that this interpreter cannot parse has no definitions."""
        lines = (text or "").splitlines()
        try:
            module = ast.parse(text or "")
            return cls(_definitions(module, len(lines)), lines)
        except (SyntaxError, ValueError, RecursionError):
            return cls((), lines)

    def function(self, name: str, lineno: int) -> str:
        """The qualified name of the definition that a frame called ``name`` on a line is in.

        Interpreters before 3.11 report bare names, and comprehensions and lambdas have frames of
        their own: both are settled by the line.
        """
        known = self.definitions.get(name)
        if known is not None and known.first_lineno <= lineno <= known.last_lineno:
            return name
        return self._owners.get(lineno, name)

    def line(self, lineno: int) -> str:
        """The text of a line, without its indent; empty beyond the end."""
        return self.sources[lineno - 1].strip() if 0 < lineno <= len(self.sources) else ""


def _definitions(module: ast.Module, line_count: int) -> Iterator[Definition]:
    yield Definition(MODULE, 1, line_count, _code(module.body, ""))
    yield from _inner(module.body, "")


def _inner(body: Iterable[ast.AST], prefix: str) -> Iterator[Definition]:
    for node in body:
        if not isinstance(node, _SCOPES):
            yield from _inner(ast.iter_child_nodes(node), prefix)
            continue
        name = prefix + node.name
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        yield Definition(name, first, node.end_lineno or node.lineno, _own_code(node))
        inner = "." if isinstance(node, ast.ClassDef) else ".<locals>."
        yield from _inner(node.body, name + inner)


def _own_code(node: _Scope) -> str:
    body = node.body
    if ast.get_docstring(node, clean=False) is not None:
        body = body[1:]
    if isinstance(node, ast.ClassDef):
        head: list[ast.AST] = [*node.bases, *node.keywords, *node.decorator_list]
    else:
        head = [node.args, *node.decorator_list]
    return _code([*head, *body], node.name)


def _code(nodes: Iterable[ast.AST], own_name: str) -> str:
    """The nodes written out, with functions and classes inside them left out."""
    return "\n".join(ast.dump(_plain(node, own_name)) for node in nodes)


def _plain(node: ast.AST, own_name: str) -> ast.AST:
    """A copy without the definitions inside, and with the function's own name blanked.

    A renamed recursive function is still the same code.
    """
    if isinstance(node, _SCOPES):
        return ast.Pass()
    fields = {name: _plain_field(value, own_name) for name, value in ast.iter_fields(node)}
    if isinstance(node, ast.Name) and node.id == own_name:
        fields["id"] = ""
    return type(node)(**fields)


def _plain_field(value: object, own_name: str) -> object:
    if isinstance(value, ast.AST):
        return _plain(value, own_name)
    if isinstance(value, list):
        return [_plain_field(item, own_name) for item in value]
    return value

"""What the code of a hot line shows: each pattern is a function that names what it found."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dynogate.profiling.analysis.syntax import SourceTree
from dynogate.profiling.models import LineProfile
from dynogate.profiling.text import clip

_CACHES = frozenset({"functools.cache", "functools.lru_cache"})
_SERIALISERS = frozenset({"json.loads", "json.dumps", "pickle.loads", "pickle.dumps"})
_COPIES = frozenset({"copy.copy", "copy.deepcopy", "numpy.copy", "numpy.array"})
_GROWERS = frozenset(
    {"numpy.append", "numpy.concatenate", "numpy.vstack", "numpy.hstack", "numpy.insert"}
)
_READERS = frozenset({"read", "readlines", "read_text", "read_bytes", "fetchall"})
_BLOCKING_CALLS = frozenset({"input", "os.system", "select.select", "socket.create_connection"})
_BLOCKING_PACKAGES = ("requests.", "urllib.request.", "httpx.", "subprocess.", "http.client.")
_BLOCKING_METHODS = frozenset(
    {"recv", "recv_into", "recvfrom", "accept", "connect", "sendall", "getresponse", "urlopen"}
    | {"communicate", "execute", "executemany", "fetchall", "fetchone"}
)


@dataclass(frozen=True, slots=True)
class HotLine:
    """A line whose figures are over a rule's floor, with the code around it.

    Attributes:
        file: path of the source file.
        line: its figures.
        tree: the file's syntax.
        statement: the innermost statement on the line.
        find_loop_above: tells where the stacks show the function called from a loop
            (``file:line``), or None; costly, so only asked where it decides.
    """

    file: str
    line: LineProfile
    tree: SourceTree
    statement: ast.stmt
    find_loop_above: Callable[[], str | None]

    def nodes(self) -> Iterator[ast.AST]:
        """The nodes of the statement, without those of its body."""
        return self.tree.nodes(self.statement)

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """The calls on the line, each with its dotted name (empty where it has none)."""
        for node in self.nodes():
            if isinstance(node, ast.Call):
                yield node, self.tree.name(node.func)

    def methods(self, *names: str) -> Iterator[tuple[ast.Call, ast.Attribute]]:
        """The calls on the line of a method of one of these names."""
        for call, _ in self.calls():
            if isinstance(call.func, ast.Attribute) and call.func.attr in names:
                yield call, call.func

    def repeated(self, node: ast.AST) -> str | None:
        """Why ``node`` runs again and again, or None where nothing shows that it does."""
        loops = self.tree.loops(node)
        if loops:
            return f"in the loop on line {loops[0].lineno}"
        above = self.find_loop_above()
        return f"in a function called from the loop at {above}" if above else None

    def changes(self, node: ast.AST) -> set[str]:
        """The names that the innermost loop around ``node`` binds anew on every turn."""
        loops = self.tree.loops(node)
        bound = ast.walk(loops[0]) if loops else iter(())
        return {n.id for n in bound if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def code(node: ast.AST) -> str:
    """``node`` as a short piece of source text."""
    return f"`{clip(ast.unparse(node), 60)}`"


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def list_membership(hot: HotLine) -> str | None:
    """``x in a_list``, again and again."""
    for node in hot.nodes():
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[-1], (ast.In, ast.NotIn)):
            continue
        container = node.comparators[-1]
        short = isinstance(container, ast.List) and len(container.elts) < 10
        is_list = not short and hot.tree.kind(container, node) == "list"
        why = hot.repeated(node) if is_list else None
        if why:
            return f"{code(node)} searches the list {code(container)} from its start, {why}"
    return None


def text_concatenation(hot: HotLine) -> str | None:
    """``text += piece`` in a loop."""
    statement = hot.statement
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
        target: ast.expr = statement.target
    elif (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.BinOp)
        and isinstance(statement.value.op, ast.Add)
        and ast.unparse(statement.targets[0]) == ast.unparse(statement.value.left)
    ):
        target = statement.targets[0]
    else:
        return None
    kind = hot.tree.kind(target, statement)
    if kind not in {"str", "bytes"} or not hot.tree.loops(statement):
        return None
    return f"{code(statement)} may copy the whole {kind} {hot.repeated(statement)}"


def append_loop(hot: HotLine) -> str | None:
    """A ``for`` loop that does nothing but append to a list."""
    statement = hot.statement
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
        return None
    parent = hot.tree.parent(statement)
    loop = hot.tree.parent(parent) if isinstance(parent, ast.If) and parent.orelse == [] else parent
    if not isinstance(loop, ast.For) or len(loop.body) != 1 or statement in loop.orelse:
        return None
    if isinstance(parent, ast.If) and len(parent.body) != 1:
        return None
    for call, method in hot.methods("append"):
        if call is statement.value and hot.tree.kind(method.value, statement) == "list":
            return f"{code(statement)} is all that the loop on line {loop.lineno} does"
    return None


def regex_compile(hot: HotLine) -> str | None:
    """``re.compile`` of the same pattern, again and again."""
    for call, name in hot.calls():
        if name in {"re.compile", "regex.compile"}:
            why = hot.repeated(call)
            if why and not _names(call) & hot.changes(call):
                return f"{code(call)} is evaluated {why}, always with the same pattern"
    return None


def dataframe_rows(hot: HotLine) -> str | None:
    """A walk over the rows of a data frame in Python."""
    if not hot.tree.imports("pandas"):
        return None
    for call, _ in hot.methods("apply"):
        if any(k.arg == "axis" and _constant(k.value) in {1, "columns"} for k in call.keywords):
            return f"{code(call)} calls Python once for each row"
    around = (loop for node in hot.nodes() for loop in hot.tree.loops(node))
    for loop in (hot.statement, *around):
        if isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call):
            called = loop.iter.func
            if isinstance(called, ast.Attribute) and called.attr == "iterrows":
                return f"the loop on line {loop.lineno} builds a Series for each row"
    return None


def _constant(node: ast.expr) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def growing_array(hot: HotLine) -> str | None:
    """An array or data frame that is copied to be one piece longer, in a loop."""
    if not isinstance(hot.statement, ast.Assign):
        return None
    target = ast.unparse(hot.statement.targets[0])
    for call, name in hot.calls():
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        frame = method == "append" and hot.tree.imports("pandas")
        if not (name in _GROWERS or name == "pandas.concat" or frame):
            continue
        parts = {ast.unparse(n) for n in ast.walk(call) if isinstance(n, (ast.Name, ast.Attribute))}
        if target in parts and hot.tree.loops(hot.statement):
            return f"{code(hot.statement)} copies {target} whole {hot.repeated(hot.statement)}"
    return None


def array_elements(hot: HotLine) -> str | None:
    """Elements of a numpy array taken one at a time by a Python loop."""
    if not hot.tree.imports("numpy"):
        return None
    for node in hot.nodes():
        loops = [loop for loop in hot.tree.loops(node) if isinstance(loop, ast.For)]
        if isinstance(node, ast.Subscript):
            indices = _names(node.slice)
            for loop in loops:
                by_index = indices & _names(loop.target) and not isinstance(node.slice, ast.Slice)
                if by_index and hot.tree.kind(node.value, node) == "ndarray":
                    return (
                        f"{code(node)} takes one element a turn of the loop on line {loop.lineno}"
                    )
        for loop in loops:
            if hot.tree.kind(loop.iter, loop) == "ndarray":
                return f"the loop on line {loop.lineno} walks the array {code(loop.iter)}"
    return None


def deep_copy(hot: HotLine) -> str | None:
    """``copy.deepcopy``, again and again."""
    return _repeated_call(hot, frozenset({"copy.deepcopy"}))


def serialisation(hot: HotLine) -> str | None:
    """Encoding or decoding, again and again."""
    return _repeated_call(hot, _SERIALISERS)


def _repeated_call(hot: HotLine, names: frozenset[str]) -> str | None:
    for call, name in hot.calls():
        why = hot.repeated(call) if name in names else None
        if why:
            return f"{code(call)} runs {why}"
    return None


def overlapping_recursion(hot: HotLine) -> str | None:
    """A function that calls itself twice with its argument a constant apart, without a cache."""
    function = hot.tree.function(hot.statement)
    if isinstance(hot.statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        function = hot.statement
    if function is None or any(_decorator(hot, d) in _CACHES for d in function.decorator_list):
        return None
    parameters = {argument.arg for argument in function.args.args}
    calls = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and hot.tree.name(node.func).removeprefix("self.") == function.name
        and _is_value(hot.tree, node)
    ]
    if len(calls) < 2 or not all(_steps(call, parameters) for call in calls):
        return None
    together = " and ".join(code(call) for call in calls[:2])
    return f"{function.name} calls {together}: the same arguments come up again and again"


def _decorator(hot: HotLine, decorator: ast.expr) -> str:
    return hot.tree.name(decorator.func if isinstance(decorator, ast.Call) else decorator)


def _is_value(tree: SourceTree, call: ast.Call) -> bool:
    return not isinstance(tree.parent(call), (ast.Expr, ast.Await, ast.YieldFrom))


def _steps(call: ast.Call, parameters: set[str]) -> bool:
    """Whether each argument is a parameter or a constant step from one, and one is a step."""
    moved = False
    for argument in call.args:
        if isinstance(argument, ast.BinOp) and isinstance(argument.op, (ast.Sub, ast.Add)):
            inner, step = argument.left, argument.right
            moved = moved or isinstance(step, (ast.Constant, ast.Subscript))
            if not isinstance(step, (ast.Constant, ast.Subscript)):
                return False
        else:
            inner = argument
        known = isinstance(inner, ast.Name) and inner.id in parameters
        if not (known or isinstance(inner, ast.Constant)):
            return False
    return moved


def sorting(hot: HotLine) -> str | None:
    """The same collection sorted or searched for its extreme, again and again."""
    for call, name in hot.calls():
        if name in {"sorted", "min", "max"} and len(call.args) == 1:
            collection: ast.expr = call.args[0]
        elif isinstance(call.func, ast.Attribute) and call.func.attr == "sort":
            collection = call.func.value
        else:
            continue
        plain = isinstance(collection, (ast.Name, ast.Attribute))
        if plain and hot.tree.loops(call) and not _names(collection) & hot.changes(call):
            return f"{code(call)} walks all of {code(collection)} {hot.repeated(call)}"
    return None


def list_front(hot: HotLine) -> str | None:
    """Taking from, or putting at, the front of a list."""
    for call, method in hot.methods("pop", "insert"):
        front = bool(call.args) and _constant(call.args[0]) == 0
        why = hot.repeated(call) if front else None
        if why and hot.tree.kind(method.value, call) == "list":
            return f"{code(call)} moves every other element of the list, {why}"
    return None


def copying(hot: HotLine) -> str | None:
    """A copy made on every turn."""
    for node in hot.nodes():
        made = False
        if isinstance(node, ast.Call):
            bare = isinstance(node.func, ast.Attribute) and node.func.attr == "copy"
            made = hot.tree.name(node.func) in _COPIES or (bare and not node.args)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            whole = node.slice
            made = whole.lower is None and whole.upper is None and isinstance(node.ctx, ast.Load)
        why = hot.repeated(node) if made else None
        if why:
            return f"{code(node)} makes a new copy {why}"
    return None


def import_statement(hot: HotLine) -> str | None:
    """An import."""
    if isinstance(hot.statement, (ast.Import, ast.ImportFrom)):
        return f"{code(hot.statement)} loads and runs the module's code"
    return None


def everything_at_once(hot: HotLine) -> str | None:
    """A list, or a whole file, built and kept in one go."""
    for node in hot.nodes():
        if isinstance(node, (ast.ListComp, ast.DictComp, ast.SetComp)):
            return f"{code(node)} builds the whole collection in memory"
        if isinstance(node, ast.Call):
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            made_list = hot.tree.name(node.func) == "list" and len(node.args) == 1
            if made_list or (method in _READERS and not node.args):
                return f"{code(node)} holds everything in memory at once"
            if method in {"append", "extend", "add"} and hot.tree.loops(node):
                return f"{code(node)} keeps every item {hot.repeated(node)}"
    return None


def sleeping(hot: HotLine) -> str | None:
    """``time.sleep`` in a loop."""
    return _repeated_call(hot, frozenset({"time.sleep"}))


def awaiting_in_turn(hot: HotLine) -> str | None:
    """``await`` in a loop: each waits for the one before."""
    for node in hot.nodes():
        if isinstance(node, ast.Await):
            loops = [
                x for x in hot.tree.loops(node) if not isinstance(x, (ast.While, ast.AsyncFor))
            ]
            if loops:
                return f"{code(node)} is awaited in turn in the loop on line {loops[0].lineno}"
    return None


def blocking_call(hot: HotLine) -> str | None:
    """A call that waits for the network, a process, a database or a person."""
    for call, name in hot.calls():
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        known = name in _BLOCKING_CALLS or name.startswith(_BLOCKING_PACKAGES)
        if (known or method in _BLOCKING_METHODS) and not isinstance(
            hot.tree.parent(call), ast.Await
        ):
            return f"{code(call)} blocks its thread"
    return None


def native_call(hot: HotLine) -> str | None:
    """A call or matrix product whose time is nearly all in native code."""
    if hot.line.cpu_percent_native < 0.8 * hot.line.cpu_percent:
        return None
    for node in hot.nodes():
        if isinstance(node, ast.Call) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
        ):
            return f"{code(node)} spends {hot.line.cpu_percent_native:.1f} % in native code"
    return None

"""What Dynogate advises, as a table: a figure to reach, a pattern in the code, and a source."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dynogate.profiling.analysis import patterns
from dynogate.profiling.analysis.hotspots import allocated_mb
from dynogate.profiling.analysis.patterns import HotLine
from dynogate.profiling.models import LineProfile


class Figure(StrEnum):
    """The figure of a line that a rule looks at."""

    CPU = "cpu"  # share of CPU time, percent
    WAIT = "wait"  # share of wall-clock time, percent
    ALLOCATED = "allocated"  # MB
    RETAINED = "retained"  # MB


@dataclass(frozen=True, slots=True)
class Rule:
    """One piece of advice and what must be seen before it is given.

    Attributes:
        name: identifies the rule.
        figure: which figure of the line has to reach the floor.
        floor: lowest value of that figure, in its unit; the caller's threshold counts where it
            is higher.
        pattern: names what it found in the code, or says None.
        detects: what the pattern looks for.
        advice: what to do about it.
        reference: where the advice is from.
        last_resort: whether it only speaks where no other rule had anything to say of the line.
    """

    name: str
    figure: Figure
    floor: float
    pattern: Callable[[HotLine], str | None]
    detects: str
    advice: str
    reference: str
    last_resort: bool = False


def figure_of(line: LineProfile, figure: Figure) -> float:
    """The value of a figure on a line; 0 where it is unknown."""
    match figure:
        case Figure.CPU:
            return line.cpu_percent
        case Figure.WAIT:
            return line.cpu_percent_system
        case Figure.ALLOCATED:
            return allocated_mb(line)
        case Figure.RETAINED:
            return line.retained_mb or 0.0


def figure_text(line: LineProfile, figure: Figure) -> str:
    """A figure with its unit and meaning, as evidence."""
    value = figure_of(line, figure)
    match figure:
        case Figure.CPU:
            return f"{value:.1f} % of CPU time"
        case Figure.WAIT:
            return f"{value:.1f} % of wall-clock time spent waiting"
        case Figure.ALLOCATED:
            return f"{value:.1f} MB allocated"
        case Figure.RETAINED:
            return f"{value:.1f} MB still held at the end"


RULES: tuple[Rule, ...] = (
    Rule(
        name="list-membership",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.list_membership,
        detects="membership tests against a list, repeated",
        advice="Keep the items in a set (or a dict): a test then takes constant time.",
        reference="https://wiki.python.org/moin/TimeComplexity",
    ),
    Rule(
        name="text-concatenation",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.text_concatenation,
        detects="a string or bytes object that grows by += in a loop",
        advice="Collect the pieces in a list and join them once, or write to io.StringIO; for "
        "bytes use a bytearray.",
        reference="https://docs.python.org/3/faq/programming.html"
        "#what-is-the-most-efficient-way-to-concatenate-many-strings-together",
    ),
    Rule(
        name="append-loop",
        figure=Figure.CPU,
        floor=20.0,
        pattern=patterns.append_loop,
        detects="a dominating loop that only appends to a list",
        advice="Write it as a list comprehension, or list.extend with a generator.",
        reference="https://docs.astral.sh/ruff/rules/manual-list-comprehension/",
    ),
    Rule(
        name="regex-compile",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.regex_compile,
        detects="the same regular expression compiled again and again",
        advice="Compile it once at module level and use the compiled pattern.",
        reference="https://docs.python.org/3/library/re.html#re.compile",
    ),
    Rule(
        name="dataframe-rows",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.dataframe_rows,
        detects="a pandas DataFrame walked row by row",
        advice="Work on whole columns; where that is impossible, itertuples is faster than "
        "iterrows.",
        reference="https://pandas.pydata.org/docs/reference/api/pandas.DataFrame.iterrows.html",
    ),
    Rule(
        name="growing-array",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.growing_array,
        detects="an array or data frame copied whole to add to it, in a loop",
        advice="Collect the parts in a list and concatenate once, or allocate the result first.",
        reference="https://numpy.org/doc/stable/reference/generated/numpy.append.html",
    ),
    Rule(
        name="array-elements",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.array_elements,
        detects="a Python loop over the elements of a numpy array",
        advice="Use array operations on the whole array (or numba for what has no such form).",
        reference="https://numpy.org/doc/stable/user/absolute_beginners.html"
        "#more-useful-array-operations",
    ),
    Rule(
        name="deep-copy",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.deep_copy,
        detects="copy.deepcopy, repeated",
        advice="Copy only the level that changes, or build the new object directly.",
        reference="https://docs.python.org/3/library/copy.html",
    ),
    Rule(
        name="serialisation",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.serialisation,
        detects="json or pickle, repeated",
        advice="Encode once for many items, keep the decoded value, or use a faster codec "
        "(msgspec, orjson).",
        reference="https://jcristharif.com/msgspec/benchmarks.html",
    ),
    Rule(
        name="overlapping-recursion",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.overlapping_recursion,
        detects="a recursion that computes the same arguments many times",
        advice="Put functools.cache on it, or compute from the bottom up in a loop.",
        reference="https://docs.python.org/3/library/functools.html#functools.cache",
    ),
    Rule(
        name="repeated-sorting",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.sorting,
        detects="the same collection sorted, or searched for its minimum or maximum, in a loop",
        advice="Sort once before the loop; where items come and go, use heapq or bisect.insort.",
        reference="https://docs.python.org/3/library/heapq.html",
    ),
    Rule(
        name="list-front",
        figure=Figure.CPU,
        floor=1.0,
        pattern=patterns.list_front,
        detects="items taken from, or put at, the front of a list",
        advice="Use collections.deque: popleft and appendleft take constant time.",
        reference="https://docs.python.org/3/library/collections.html#collections.deque",
    ),
    Rule(
        name="import-time",
        figure=Figure.CPU,
        floor=5.0,
        pattern=patterns.import_statement,
        detects="an import that takes a large share of the run",
        advice="Import it where it is used, if not every run needs it; python -X importtime shows "
        "what it pulls in.",
        reference="https://docs.python.org/3/using/cmdline.html#cmdoption-X",
    ),
    Rule(
        name="copy-in-loop",
        figure=Figure.ALLOCATED,
        floor=100.0,
        pattern=patterns.copying,
        detects="copies made on every turn of a loop that allocate much memory",
        advice="Work in place, pass a view, or reuse one buffer (numpy: out=, copyto).",
        reference="https://numpy.org/doc/stable/user/basics.copies.html",
    ),
    Rule(
        name="everything-at-once",
        figure=Figure.RETAINED,
        floor=10.0,
        pattern=patterns.everything_at_once,
        detects="a large collection or file held in memory whole",
        advice="Yield items from a generator, read in chunks, or drop what is no longer needed.",
        reference="https://docs.python.org/3/howto/functional.html#generators",
    ),
    Rule(
        name="sleep-in-loop",
        figure=Figure.WAIT,
        floor=20.0,
        pattern=patterns.sleeping,
        detects="time.sleep in a loop that takes a large share of the run",
        advice="Wait for what is awaited itself (threading.Event, Condition, a queue) instead of "
        "asking again after a while.",
        reference="https://docs.python.org/3/library/threading.html#event-objects",
    ),
    Rule(
        name="await-in-turn",
        figure=Figure.WAIT,
        floor=20.0,
        pattern=patterns.awaiting_in_turn,
        detects="awaits in a loop, one after another",
        advice="Start them together with asyncio.TaskGroup or asyncio.gather.",
        reference="https://docs.python.org/3/library/asyncio-task.html#task-groups",
    ),
    Rule(
        name="blocking-call",
        figure=Figure.WAIT,
        floor=20.0,
        pattern=patterns.blocking_call,
        detects="a call that waits for something outside the program",
        advice="Overlap the waits: a thread pool (concurrent.futures), asyncio, or one request "
        "for many items.",
        reference="https://docs.python.org/3/library/concurrent.futures.html",
    ),
    Rule(
        name="native-call",
        figure=Figure.CPU,
        floor=20.0,
        pattern=patterns.native_call,
        detects="a line whose time is nearly all inside native code",
        advice="Changing the Python around it will not help: look at what is passed in (size, "
        "dtype, layout, algorithm) or call it less.",
        reference="https://github.com/plasma-umass/scalene#readme",
        last_resort=True,
    ),
)

"""Programs of several parts whose cost is known, so that one part can be slowed by a known amount.

Each part is a function, method or generator with a loop count in its own text. ``build`` times the
parts on this machine and sets the counts so that a program takes about ``TOTAL_SEC``; a slowdown of
15 % adds 15 % of the *whole program's* CPU time, start-up included, to one part.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import Template
from textwrap import dedent

TOTAL_SEC = 0.5
TRIAL_TURNS = 2_000
TRIALS = 300
START_TRIALS = 20


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a program: its qualified name, text with ``$n`` for the count, and its call."""

    name: str
    text: str
    call: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts of a program.

    Attributes:
        slowed: the part that became slower; None where none did.
        true_ratio: CPU time after over before, from the measured cost of a turn of each part.
    """

    name: str
    before: str
    after: str
    slowed: str | None
    true_ratio: float


@dataclass(slots=True)
class _Plan:
    """Which parts a program has, how its CPU time is divided, and how the slowed one is slowed."""

    parts: list[Part]
    shares: list[float]
    slowed: int
    redundant: bool
    counts: list[int] = field(default_factory=list)


def _part(name: str, call: str, text: str) -> Part:
    return Part(name, dedent(text).strip() + "\n", call)


PARTS = (
    _part(
        "split_rows",
        "split_rows()",
        """
        def split_rows():
            total = 0
            for i in range($n):
                total += len(f"{i},{i * 7},{i % 3}".split(","))
            return total
        """,
    ),
    _part(
        "mix",
        "mix()",
        """
        def mix():
            x = 1
            for i in range($n):
                x = (x * 48271 + i) % 2147483647 ^ (i & 7)
                x += 1
            return x
        """,
    ),
    _part(
        "Ledger.post",
        "Ledger().post()",
        """
        class Ledger:
            def __init__(self):
                self.balance = {}

            def post(self):
                for i in range($n):
                    account = i % 97
                    self.balance[account] = self.balance.get(account, 0) + i
                return len(self.balance)
        """,
    ),
    _part(
        "tokens",
        "sum(1 for _ in tokens())",
        """
        def tokens():
            for i in range($n):
                text = str(i * 31)
                yield text[::-1] + text
        """,
    ),
    _part(
        "encode",
        "encode()",
        """
        def encode():
            size = 0
            for i in range($n):
                size += len(json.dumps({"id": i, "tags": ["a", "b", i]}))
            return size
        """,
    ),
    _part(
        "match_lines",
        "match_lines()",
        """
        def match_lines():
            found = 0
            pattern = re.compile(r"([a-z]+)=([0-9]+)")
            for i in range($n):
                found += len(pattern.findall(f"alpha={i} beta={i} gamma={i}"))
            return found
        """,
    ),
    _part(
        "order",
        "order()",
        """
        def order():
            kept = 0
            for i in range($n):
                kept += sorted((i * k) % 101 for k in range(12))[0]
            return kept
        """,
    ),
    _part(
        "fingerprint",
        "fingerprint()",
        """
        def fingerprint():
            digest = b""
            for i in range($n):
                digest = hashlib.sha256(digest + bytes([i & 255]) * 500).digest()
            return digest[0]
        """,
    ),
    _part(
        "Grid.smooth",
        "Grid().smooth()",
        """
        class Grid:
            def __init__(self):
                self.cells = list(range(64))

            def smooth(self):
                cells = self.cells
                for i in range($n):
                    k = i % 62
                    cells[k + 1] = (cells[k] + cells[k + 1] + cells[k + 2]) // 3
                return cells[5]
        """,
    ),
    _part(
        "walk",
        "walk(12)",
        """
        def walk(depth):
            total = 0
            for i in range($n):
                total += i * depth % 7
            return total + walk(depth - 1) if depth else total
        """,
    ),
    _part(
        "make_scale.<locals>.scale",
        "make_scale()()",
        """
        def make_scale():
            factor = 3

            def scale():
                total = 0.0
                for i in range($n):
                    total += math.sqrt(i * factor) / 1.5
                return total

            return scale
        """,
    ),
)

_HEAD = "import hashlib\nimport json\nimport math\nimport re\n\n\n"
_REDUNDANT = "for again in range($n):\n"


def build(
    count: int = 20, *, slowdown: float = 0.15, seed: int = 1
) -> tuple[list[Pair], list[Pair]]:
    """``count`` identical pairs and ``count`` pairs of which the second is slower by ``slowdown``.

    The slowed part holds 15 to 45 % of the program's time; every other pair is slowed by redundant
    work that is added to it, the rest by a greater loop count. What a turn of each part costs is
    the least of many short timings, spread over seconds: on a busy machine whole runs of a program
    vary by tens of percent, but some milliseconds are always undisturbed.

    Raises:
        RuntimeError: a part could not be timed.
    """
    costs = _sec_per_turn()
    start = min(_cpu_sec(_HEAD) for _ in range(START_TRIALS))
    same, slower = [], []
    for number, plan in enumerate(_plans(count, random.Random(seed))):
        turns = [costs[part.name] for part in plan.parts]
        plan.counts = [
            round(share * TOTAL_SEC / sec) for share, sec in zip(plan.shares, turns, strict=True)
        ]
        total = start + sum(n * sec for n, sec in zip(plan.counts, turns, strict=True))
        extra = round(slowdown * total / turns[plan.slowed])
        before = _program(plan.parts, plan.counts)
        same.append(Pair(f"same-{number:02d}", before, before, None, 1.0))
        ratio = 1 + extra * turns[plan.slowed] / total
        slowed = plan.parts[plan.slowed].name
        slower.append(Pair(f"slower-{number:02d}", before, _slowed(plan, extra), slowed, ratio))
    return same, slower


def _cpu_sec(text: str) -> float:
    child = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"a program of a pair failed with status {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def _plans(count: int, rng: random.Random) -> Iterator[_Plan]:
    for number in range(count):
        parts = rng.sample(PARTS, rng.randint(4, 5))
        weights = [rng.uniform(1.0, 2.0) for _ in parts]
        shares = [weight / sum(weights) for weight in weights]
        yield _Plan(parts, shares, rng.randrange(len(parts)), redundant=number % 2 == 0)


def _slowed(plan: _Plan, extra: int) -> str:
    """The program with ``extra`` turns more in the slowed part."""
    counts = list(plan.counts)
    if not plan.redundant:
        counts[plan.slowed] += extra
        return _program(plan.parts, counts)
    parts = list(plan.parts)
    parts[plan.slowed] = _with_redundant_loop(parts[plan.slowed], extra)
    return _program(parts, counts)


def _with_redundant_loop(part: Part, extra: int) -> Part:
    """The part with its loop written a second time before it, for ``extra`` turns.

    The second copy ends where the loop's body ends: at the first line indented no deeper.
    """
    lines = part.text.splitlines()
    start = next(i for i, line in enumerate(lines) if "range($n)" in line)
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and len(lines[end]) - len(lines[end].lstrip()) > indent:
        end += 1
    loop = [line.replace("$n", str(extra)) for line in lines[start:end]]
    return Part(part.name, "\n".join([*lines[:start], *loop, *lines[start:]]) + "\n", part.call)


def _program(parts: list[Part], counts: list[int]) -> str:
    texts = [
        Template(part.text).substitute(n=count) for part, count in zip(parts, counts, strict=True)
    ]
    calls = "".join(f"    print({part.call})\n" for part in parts)
    return _HEAD + "\n\n".join(texts) + f"\n\ndef main():\n{calls}\n\nmain()\n"


_TIMER = """
import sys, time
{head}
{texts}
best = dict.fromkeys({calls!r}, float("inf"))
for _ in range({trials}):
    for call in best:
        start = time.process_time()
        eval(call)
        best[call] = min(best[call], time.process_time() - start)
sys.stdout.write(json.dumps(list(best.values())))
"""


def _sec_per_turn() -> dict[str, float]:
    """CPU seconds of one turn of each part's loop, by the part's name."""
    code = _TIMER.format(
        head=_HEAD,
        texts="\n\n".join(Template(part.text).substitute(n=TRIAL_TURNS) for part in PARTS),
        calls=[part.call for part in PARTS],
        trials=TRIALS,
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"the parts could not be timed: {run.stderr}")
    took: list[float] = json.loads(run.stdout)
    return {part.name: sec / TRIAL_TURNS for part, sec in zip(PARTS, took, strict=True)}

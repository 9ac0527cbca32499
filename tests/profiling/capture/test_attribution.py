"""Two samplers, one answer."""

from collections import Counter

import pytest

from dynogate.profiling.capture.attribution import attribute, to_stacks
from dynogate.profiling.capture.lines import LineCost
from dynogate.profiling.capture.samples import RawFrame, Samples
from dynogate.profiling.capture.sources import SourceIndex

FILE = "/srv/app/a.py"
SOURCES = SourceIndex(
    {FILE: "def f():\n    a = 1\n    b = 2\n\nclass C:\n    def m(self):\n        pass\n"}
)


def test_py_spy_decides_how_much_and_scalene_of_what_kind() -> None:
    """A line's share is its samples; its mix is Scalene's for the line."""
    seen = Samples(total=10, lines=Counter({(FILE, 2): 8}))
    scalene = {(FILE, 2): LineCost(cpu_python=10.0, cpu_native=30.0, malloc_mb=5.0)}
    cost = attribute(seen, scalene, SOURCES)[FILE, 2]
    assert (cost.cpu_python, cost.cpu_native, cost.malloc_mb) == (20.0, 60.0, 5.0)


def test_a_line_scalene_missed_has_its_functions_mix() -> None:
    """Scalene credits a neighbour, but within the same function."""
    seen = Samples(total=10, lines=Counter({(FILE, 3): 10}))
    scalene = {(FILE, 2): LineCost(cpu_native=100.0)}
    costs = attribute(seen, scalene, SOURCES)
    assert costs[FILE, 3].cpu_native == pytest.approx(100.0)
    assert (FILE, 2) not in costs


def test_a_line_without_any_mix_counts_as_python() -> None:
    """Nothing known of it: it was seen in the interpreter."""
    costs = attribute(Samples(total=4, lines=Counter({(FILE, 7): 1})), {}, SOURCES)
    assert costs[FILE, 7].cpu_python == 25.0


def test_methods_are_named_by_their_source() -> None:
    """py-spy names a method after its object's class, which may be another one."""
    stack = (RawFrame(FILE, "Sub.m", 7), RawFrame(FILE, "<lambda>", 7), RawFrame("/x.py", "g", 1))
    (sample,) = to_stacks(Samples(total=3, stacks=Counter({stack: 3})), 0.01, {}, SOURCES)
    assert [frame.function for frame in sample.frames] == ["C.m", "<lambda>", "g"]
    assert sample.cpu_sec == pytest.approx(0.03)

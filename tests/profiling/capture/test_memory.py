"""From what the recorder wrote to lines with retained memory."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from dynogate.profiling.capture.memory import at, attribute_memory, kept
from dynogate.profiling.capture.sources import SourceIndex
from dynogate.profiling.models import LineProfile, ProfileResult
from tests.profiles import SCRIPT, SOURCE, sample_profile

LEAK, CHURN = 13, 6
LIBRARY = "/usr/lib/python3/json/decoder.py"


def polls(*points: tuple[float, float]) -> list[list[float]]:
    """(seconds, MB resident), of a program that never waits for a CPU."""
    return [[t, resident, 0.0, 0.0, t] for t, resident in points]


STEADY = polls(*((n / 10, 50.0 + n) for n in range(41)))


def window(start: float, *grown: tuple[Sequence[tuple[str, int]], float]) -> dict[str, Any]:
    """A window of 0.1 s in which stacks (innermost frame first) grew by MB."""
    entries = [[[list(frame) for frame in stack], mb, 5] for stack, mb in grown]
    held = sum(mb for _, mb in grown)
    return {"start": start, "end": start + 0.1, "held_mb": held, "grown": entries}


def attributed(
    points: list[list[float]],
    windows: Sequence[dict[str, Any]] = (),
    flows: Sequence[tuple[float, float, str, int]] = (),
    file: str = SCRIPT,
) -> ProfileResult:
    """The sample profile with a record."""
    record = {"version": 1, "polls": points, "windows": windows, "flows": flows, "sums": []}
    return attribute_memory(
        sample_profile(),
        json.dumps(record).encode(),
        is_profiled=lambda name: name == file,
        sources=SourceIndex({SCRIPT: SOURCE}),
        rename={file: SCRIPT},
    )


def line(profile: ProfileResult, lineno: int) -> LineProfile:
    """One line of the sample script."""
    return next(found for found in profile.files[0].lines if found.lineno == lineno)


def test_kept_memory_is_what_is_never_given_back() -> None:
    """A tooth of a saw is not kept."""
    assert kept([(0, 0.0), (1, 5.0), (2, 2.0), (3, 7.0)]) == [0.0, 2.0, 2.0, 7.0]


def test_values_between_points_are_interpolated() -> None:
    """Before the first and after the last point, these count."""
    timeline = [(1.0, 0.0), (2.0, 0.0)]
    assert [at(timeline, [10.0, 20.0], t) for t in (0.0, 1.5, 9.0)] == [10.0, 15.0, 20.0]


def test_growth_goes_to_lines_as_windows_saw_it_rise() -> None:
    """40 MB in 4 s, three quarters of it by one line."""
    looks = [window(t, ([(SCRIPT, LEAK)], 3.0), ([(SCRIPT, CHURN)], 1.0)) for t in (0.5, 2.0, 3.5)]
    profile = attributed(STEADY, looks)
    assert line(profile, LEAK).retained_mb == pytest.approx(30, rel=0.01)
    assert line(profile, CHURN).retained_mb == pytest.approx(10, rel=0.01)
    assert line(profile, LEAK).memory_samples[-1][1] == pytest.approx(30, rel=0.01)


def test_a_line_allocated_at_least_what_it_retains() -> None:
    """Scalene's samples miss what was allocated while they were paused."""
    profile = attributed(STEADY, [window(1.0, ([(SCRIPT, LEAK)], 1.0))])
    assert line(profile, LEAK).malloc_mb >= 40


def test_a_line_that_scalene_missed_is_added_with_its_text() -> None:
    """Line 2 is in no sample of Scalene's."""
    profile = attributed(STEADY, [window(1.0, ([(SCRIPT, 7)], 1.0))])
    assert line(profile, 7).source == SOURCE.splitlines()[6]
    assert line(profile, 7).function == "square_sum"


def test_a_library_s_memory_belongs_to_the_line_that_called_it() -> None:
    """The innermost frame of a profiled file is the one."""
    looks = [window(1.0, ([(LIBRARY, 353), (SCRIPT, LEAK), (SCRIPT, 17)], 1.0))]
    assert line(attributed(STEADY, looks), LEAK).retained_mb == pytest.approx(40, rel=0.01)


def test_memory_of_nobody_s_line_is_left_out() -> None:
    """A stack without a profiled file names no line."""
    profile = attributed(STEADY, [window(1.0, ([(LIBRARY, 353)], 1.0))])
    record = profile.memory_record
    assert record is not None
    assert record.exact is False
    assert record.flows == ()


def test_a_file_has_its_name_in_the_profile() -> None:
    """Snippets run from a temporary file."""
    profile = attributed(STEADY, [window(1.0, ([("/tmp/x.py", LEAK)], 1.0))], file="/tmp/x.py")
    assert line(profile, LEAK).retained_mb == pytest.approx(40, rel=0.01)


def test_one_large_block_is_credited_before_windows_are() -> None:
    """200 MB at the start are the line's that Scalene saw take them, whoever grows later."""
    points = polls((0, 50), (0.1, 250), (1.95, 252), (2.1, 252), (4, 254))
    looks = [window(2.0, ([(SCRIPT, LEAK)], 1.0))]
    profile = attributed(points, looks, [(0.1, 200.0, SCRIPT, CHURN)])
    assert line(profile, CHURN).retained_mb == pytest.approx(200, rel=0.01)
    assert line(profile, LEAK).retained_mb == pytest.approx(4, rel=0.01)


def test_large_blocks_that_are_freed_are_not_retained() -> None:
    """A free of about the same size ends the latest such block."""
    flows = [(n / 10, mb, SCRIPT, CHURN) for n in range(40) for mb in (20.0, -20.4)]
    profile = attributed(STEADY, [window(2.0, ([(SCRIPT, LEAK)], 1.0))], flows)
    assert line(profile, LEAK).retained_mb == pytest.approx(40, rel=0.01)


def test_without_windows_samples_decide() -> None:
    """What Scalene credited and nobody freed; the record says that this is less certain."""
    flows = [(n / 10, 1.0, SCRIPT, LEAK) for n in range(40)]
    flows += [(n / 10, mb, SCRIPT, CHURN) for n in range(40) for mb in (1.5, -1.5)]
    profile = attributed(STEADY, (), flows)
    assert profile.memory_record is not None
    assert profile.memory_record.exact is False
    assert line(profile, LEAK).retained_mb == pytest.approx(40, rel=0.1)
    assert line(profile, CHURN).retained_mb == pytest.approx(0)


def test_memory_reserved_and_never_written_counts() -> None:
    """It is handed out, though not resident."""
    untouched = [[n / 10, 50.0, 5.0 + n, 0.0, n / 10] for n in range(41)]
    assert attributed(untouched).memory_timeline[-1] == (4.0, 40.0)


def test_scalene_s_footprint_serves_where_the_system_tells_nothing() -> None:
    """There is no /proc on every system."""
    sampled = [[n / 10, 0.0, 0.0, 2.0 + n, n / 10] for n in range(41)]
    assert attributed(sampled).memory_timeline[-1] == (4.0, 40.0)


def test_what_the_profilers_keep_is_not_the_program_s() -> None:
    """Scalene keeps something of each sample; tracing keeps what it took once."""
    flows = [(1.0, 1.0, SCRIPT, CHURN), (1.0, -1.0, SCRIPT, CHURN)] * 1000
    growth = attributed(STEADY, (), flows).memory_timeline[-1][1]
    assert growth == pytest.approx(40 - 2.6)
    jump = polls(*((n / 10, 50.0 + (6 if n > 20 else 0)) for n in range(41)))
    traced = attributed(jump, [window(2.0, ([(SCRIPT, LEAK)], 1.0))])
    assert traced.memory_timeline[-1] == (4.0, 1.0)


@pytest.mark.parametrize("record", [None, b"", b"{", b'{"polls": 3}'])
def test_a_record_that_is_not_there_changes_nothing(record: bytes | None) -> None:
    """A killed program leaves none, or half of one."""
    profile = sample_profile()
    same = attribute_memory(
        profile, record, is_profiled=lambda _: True, sources=SourceIndex({SCRIPT: SOURCE})
    )
    assert same is profile


def test_a_single_poll_is_no_record() -> None:
    """Nothing can be said of growth."""
    assert attributed(polls((0, 50))).memory_record is None

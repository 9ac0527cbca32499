"""Which growth is a leak, and of which line."""

from itertools import pairwise

import pytest

from dynogate.profiling.analysis.leaks import MIN_GROWTH_MB, find_leaks
from dynogate.profiling.models import FileProfile, MemoryFlow, MemoryRecord, ProfileResult
from tests.profiles import SCRIPT, sample_line, sample_profile

LEAK, CHURN, OTHER = 13, 6, 7

Curve = list[tuple[float, float]]


def curve(*corners: tuple[float, float]) -> Curve:
    """Straight lines between (seconds, MB) corners, a point every 50 ms."""
    points: Curve = []
    for (start, low), (end, high) in pairwise(corners):
        steps = max(1, round((end - start) / 0.05))
        points += [
            (start + (end - start) * n / steps, low + (high - low) * n / steps)
            for n in range(steps)
        ]
    return [*points, corners[-1]]


STEADY = curve((0, 0), (5, 50))


def profile(
    timeline: Curve, rises: dict[int, tuple[float, ...]], *, blocks: int = 40, exact: bool = True
) -> ProfileResult:
    """A run of five looks, one a fifth of the run each, with what rose on lines in each."""
    end = timeline[-1][0]
    flows = tuple(
        MemoryFlow(file=SCRIPT, lineno=lineno, kept_mb=(1.0,) * 5, rising_mb=values, blocks=blocks)
        for lineno, values in rises.items()
    )
    record = MemoryRecord(
        exact=exact,
        intervals=tuple((end * n / 5, end * (n + 1) / 5) for n in range(5)),
        watched_sec=(0.1,) * 5,
        flows=flows,
    )
    return sample_profile(memory_timeline=tuple(timeline), memory_record=record)


def test_steady_growth_of_one_line_is_a_leak_at_its_true_rate() -> None:
    """The row says where, how fast, how surely, and why."""
    (leak,) = find_leaks(profile(STEADY, {LEAK: (1.0,) * 5}))
    assert (leak.file, leak.lineno, leak.function) == (SCRIPT, LEAK, "grow")
    assert leak.source == "        kept.append(bytearray(1 << 20))"
    assert leak.rate_mb_per_sec == pytest.approx(10, rel=0.02)
    assert leak.confidence == pytest.approx(6 / 7, abs=0.02)
    assert "5 of 5" in leak.evidence


@pytest.mark.parametrize(
    "timeline",
    [
        curve((0, 0), (0.1, 200), (5, 200)),
        curve((0, 0), (2, 80), (5, 80)),
        curve((0, 0), (3.5, 80), (5, 80)),
        curve((0, 0), (1, 40), (1.01, 0), (2, 40), (2.01, 0), (3, 40), (3.01, 0), (5, 80)),
        curve((0, 0), (4, 1), (5, 60)),
        curve((0, 0), (2, 0), (2.1, 30), (3.5, 30), (3.6, 60), (5, 60)),
        curve((0, 0), (5, MIN_GROWTH_MB / 2)),
        curve((0, 0), (100, 20)),
        curve((0, 5), (5, 5)),
        [(0.0, 0.0), (5.0, 50.0)],
    ],
    ids=[
        "one allocation",
        "built, then used",
        "plateau after 70 %",
        "sawtooth",
        "growth at the end only",
        "two steps",
        "too little",
        "too slow",
        "flat",
        "two points",
    ],
)
def test_growth_that_is_not_steady_to_the_end_is_no_leak(timeline: Curve) -> None:
    """Whatever a line holds, a program whose memory does not keep growing does not leak."""
    assert find_leaks(profile(timeline, {LEAK: (1.0,) * 5})) == ()


def test_memory_freed_when_the_program_ends_leaked_until_then() -> None:
    """A list that is local to ``main`` goes with it; the leak was there all the time."""
    (leak,) = find_leaks(profile(curve((0, 0), (5, 50), (5.05, 0)), {LEAK: (1.0,) * 5}))
    assert leak.rate_mb_per_sec == pytest.approx(10, rel=0.05)


def test_bursts_with_pauses_are_a_leak() -> None:
    """The pause after the last burst is no longer than those between."""
    steps = [corner for n in range(8) for corner in ((n * 0.6, n * 5.0), (n * 0.6 + 0.5, n * 5.0))]
    (leak,) = find_leaks(profile(curve(*steps), {LEAK: (1.0,) * 5}))
    assert leak.lineno == LEAK


def test_two_leaking_lines_share_the_rate() -> None:
    """Each has its part of the program's growth; the faster comes first."""
    leaks = find_leaks(profile(STEADY, {OTHER: (0.5,) * 5, LEAK: (1.5,) * 5}))
    assert [leak.lineno for leak in leaks] == [LEAK, OTHER]
    assert leaks[0].rate_mb_per_sec == pytest.approx(7.5, rel=0.05)


def test_a_line_that_rose_in_one_look_only_is_not_blamed() -> None:
    """A churning line may hold a block when it is looked at."""
    leaks = find_leaks(profile(STEADY, {LEAK: (1.0,) * 5, CHURN: (0, 0, 20.0, 0, 0)}))
    assert [leak.lineno for leak in leaks] == [LEAK]


def test_a_few_large_blocks_in_passing_are_no_evidence() -> None:
    """Fewer than four blocks seen in all may have been freed right after."""
    assert find_leaks(profile(STEADY, {CHURN: (9.0, 0, 9.0, 0, 9.0)}, blocks=3)) == ()


def test_one_block_that_grows_is_a_leak() -> None:
    """A bytearray that is extended stays one block."""
    assert len(find_leaks(profile(STEADY, {LEAK: (1.0,) * 5}, blocks=0))) == 1


@pytest.mark.parametrize(("freed", "found"), [(0.0, 1), (60.0, 0)])
def test_a_few_large_blocks_are_a_leak_where_none_was_freed(freed: float, found: int) -> None:
    """Scalene samples each block of a megabyte, and each release of one."""
    plain = profile(STEADY, {LEAK: (9.0, 0, 9.0, 0, 9.0)}, blocks=3)
    record = plain.memory_record
    assert record is not None
    (flow,) = record.flows
    flow = flow.model_copy(update={"taken_mb": 60.0, "freed_mb": freed})
    seen = record.model_copy(update={"flows": (flow,)})
    assert len(find_leaks(plain.model_copy(update={"memory_record": seen}))) == found


def test_scalene_s_headers_are_not_the_program_s_memory() -> None:
    """A million blocks of 16 bytes take 32 MB under Scalene; half of the growth is the header."""
    per_look = (2**20 * 16 / 2**20 / 5,) * 5
    (leak,) = find_leaks(profile(STEADY, {LEAK: per_look}, blocks=2**20))
    assert leak.rate_mb_per_sec == pytest.approx(5, rel=0.02)


def test_a_list_that_moves_counts_little() -> None:
    """A reallocated list shows up in one look with its whole size."""
    leaks = find_leaks(profile(STEADY, {LEAK: (1.0,) * 5, OTHER: (0, 0.05, 8.0, 0.05, 0.05)}))
    assert [leak.lineno for leak in leaks] == [LEAK]


def teeth(height: float) -> Curve:
    """A footprint that keeps 10 MB a second and has teeth of ``height`` MB every half second."""
    corners = [
        c for n in range(10) for c in ((n * 0.5, n * 5.0), (n * 0.5 + 0.49, n * 5.0 + height))
    ]
    return curve(*corners)


def test_a_batch_that_is_cleared_is_not_called_a_leak() -> None:
    """It rises in the looks as the leak beside it does: in doubt nobody is blamed."""
    assert find_leaks(profile(teeth(15), {LEAK: (1.0,) * 5, CHURN: (2.0,) * 5})) == ()


def test_a_leak_is_found_though_other_memory_comes_and_goes() -> None:
    """Only one line accumulates."""
    (leak,) = find_leaks(profile(teeth(15), {LEAK: (1.0,) * 5}))
    assert leak.rate_mb_per_sec == pytest.approx(10, rel=0.25)


def test_evidence_from_samples_counts_half_at_most() -> None:
    """Scalene's samples can name a neighbour."""
    (leak,) = find_leaks(profile(STEADY, {LEAK: (1.0,) * 5}, exact=False))
    assert leak.confidence == 0.5


def test_time_without_a_cpu_does_not_count_against_a_leak() -> None:
    """A program that stood still for half of its run grew evenly by its own clock."""
    stalled = curve((0, 0), (1, 10), (4, 10), (7, 40))
    plain = profile(stalled, {LEAK: (1.0,) * 5})
    progress = tuple(t if t < 1 else max(1.0, t - 3) for t, _ in stalled)
    record = plain.memory_record
    assert record is not None
    crowded = plain.model_copy(
        update={"memory_record": record.model_copy(update={"progress_sec": progress})}
    )
    assert find_leaks(plain) == ()
    assert len(find_leaks(crowded)) == 1


def scalene_only(*lines: tuple[int, float]) -> ProfileResult:
    """A steady growth by 50 MB as plain Scalene JSON knows it: MB allocated by line."""
    profiled = tuple(sample_line(lineno, malloc_mb=mb) for lineno, mb in lines)
    files = (FileProfile(file=SCRIPT, cpu_percent=0.0, lines=profiled),)
    return sample_profile(memory_timeline=tuple(STEADY), files=files)


def test_without_a_record_the_only_allocating_line_is_named_with_doubt() -> None:
    """Scalene's JSON suffices where there is nothing to confuse."""
    (leak,) = find_leaks(scalene_only((LEAK, 48.0)))
    assert leak.lineno == LEAK
    assert leak.confidence <= 0.5


@pytest.mark.parametrize("lines", [((LEAK, 5.0), (CHURN, 45.0)), ((CHURN, 500.0),), ()])
def test_without_a_record_nobody_is_blamed_in_doubt(lines: tuple[tuple[int, float], ...]) -> None:
    """Two allocating lines, or one that allocated ten times what stayed, prove nothing."""
    assert find_leaks(scalene_only(*lines)) == ()


def test_a_model_that_is_loaded_first_does_not_hide_a_leak() -> None:
    """Growth is judged from the large step on, and so is its rate."""
    timeline = [*curve((0, 0), (1.9, 0)), *curve((2.0, 300), (5, 330))]
    (leak,) = find_leaks(profile(timeline, {LEAK: (1.0,) * 5}))
    assert leak.rate_mb_per_sec == pytest.approx(10, rel=0.05)


def test_a_large_step_alone_is_no_leak() -> None:
    """What is loaded once and kept doesn't grow."""
    timeline = [*curve((0, 0), (1.9, 0)), *curve((2.0, 300), (5, 301))]
    assert find_leaks(profile(timeline, {LEAK: (1.0,) * 5})) == ()


@pytest.mark.parametrize(
    ("taken", "freed", "found"),
    [(50.0, 0.0, 1), (50.0, 45.0, 0), (5.0, 0.0, 0)],
)
def test_one_look_is_enough_where_the_line_s_memory_stayed(
    taken: float, freed: float, found: int
) -> None:
    """Scalene's records of the whole run stand in for the looks there were no turns for."""
    flow = MemoryFlow(
        file=SCRIPT,
        lineno=LEAK,
        kept_mb=(50.0,),
        rising_mb=(0.8,),
        blocks=3,
        taken_mb=taken,
        freed_mb=freed,
    )
    record = MemoryRecord(exact=True, intervals=((0, 5),), watched_sec=(0.1,), flows=(flow,))
    profiled = sample_profile(memory_timeline=tuple(STEADY), memory_record=record)
    assert len(find_leaks(profiled)) == found


@pytest.mark.parametrize(("freed", "found"), [(0.0, 1), (150.0, 1), (900.0, 0)])
def test_the_holes_that_churn_leaves_are_no_leak(freed: float, found: int) -> None:
    """A line that takes and frees 20 times what the program grew by is not blamed for it."""
    flow = MemoryFlow(
        file=SCRIPT,
        lineno=LEAK,
        kept_mb=(10.0,) * 5,
        rising_mb=(1.0,) * 5,
        blocks=40,
        taken_mb=freed + 50,
        freed_mb=freed,
    )
    intervals = tuple((float(n), n + 1.0) for n in range(5))
    record = MemoryRecord(exact=True, intervals=intervals, watched_sec=(0.1,) * 5, flows=(flow,))
    profiled = sample_profile(memory_timeline=tuple(STEADY), memory_record=record)
    assert len(find_leaks(profiled)) == found

"""The order, severity and reports of hot lines."""

from typing import Any

import pytest

from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.analysis.hotspots import GPU_NOT_ASKED, GPU_NOT_SEEN, MEMORY_NOT_PROFILED
from dynogate.profiling.models import FileProfile, Gpu, LineProfile, ProfileResult, RunOptions
from tests.profiles import SCRIPT, sample_line, sample_profile, sample_stack, sample_summary


def analyzer(*lines: LineProfile, **overrides: Any) -> ProfileAnalyzer:
    """An analyzer of a profile of one file with these lines."""
    files = (FileProfile(file=SCRIPT, cpu_percent=100.0, lines=lines),)
    return ProfileAnalyzer(sample_profile(files=files, **overrides))


def test_cpu_hotspots_come_hottest_first() -> None:
    """The hottest line of the sample is its multiplication, with place, source and figures."""
    report = ProfileAnalyzer(sample_profile()).get_cpu_hotspots()
    assert [row.lineno for row in report.hotspots] == [7, 6, 13]
    hottest = report.hotspots[0]
    assert (hottest.file, hottest.function, hottest.source, hottest.cpu_percent) == (
        SCRIPT,
        "square_sum",
        "        total += i * i",
        75.0,
    )
    assert hottest.cpu_sec == pytest.approx(0.75 * 1.9)


def test_cpu_seconds_are_unknown_where_the_run_has_no_total() -> None:
    """A share of an unknown total is unknown, not 0."""
    report = analyzer(sample_line(7, cpu_percent=50.0), summary=sample_summary(cpu_time_sec=None))
    assert report.get_cpu_hotspots().hotspots[0].cpu_sec is None


@pytest.mark.parametrize(
    ("share", "severity"), [(20.1, "high"), (20.0, "medium"), (5.1, "medium"), (5.0, "low")]
)
def test_cpu_severity_steps(share: float, severity: str) -> None:
    """Above 20 % is high, above 5 % medium, as in the original tools."""
    assert analyzer(sample_line(7, cpu_percent=share)).get_cpu_hotspots().hotspots[0].severity == (
        severity
    )


@pytest.mark.parametrize(
    ("size", "severity"), [(100.1, "high"), (100.0, "medium"), (10.1, "medium"), (10.0, "low")]
)
def test_memory_severity_steps(size: float, severity: str) -> None:
    """Above 100 MB is high, above 10 MB medium."""
    report = analyzer(sample_line(7, malloc_mb=size)).get_memory_hotspots()
    assert report.hotspots[0].severity == severity


@pytest.mark.parametrize(
    ("share", "severity"), [(50.1, "high"), (50.0, "medium"), (10.1, "medium"), (10.0, "low")]
)
def test_gpu_severity_steps(share: float, severity: str) -> None:
    """Above 50 % is high, above 10 % medium."""
    report = analyzer(sample_line(7, gpu_percent=share)).get_gpu_hotspots()
    assert report.hotspots[0].severity == severity


def test_lines_below_the_threshold_are_left_out_and_top_n_cuts_the_rest() -> None:
    """The count of matching lines says how many more there are."""
    lines = [sample_line(n, cpu_percent=float(n)) for n in range(1, 9)]
    report = analyzer(*lines).get_cpu_hotspots(top_n=2, threshold_percent=3.0)
    assert [row.lineno for row in report.hotspots] == [8, 7]
    assert report.lines_over_threshold == 6
    assert "… and 4 more" in report.text()


def test_a_profile_without_a_line_over_the_threshold_names_the_hottest() -> None:
    """An empty list comes with the reason and the line that came closest."""
    text = analyzer(sample_line(7, cpu_percent=0.5)).get_cpu_hotspots().text()
    assert text.startswith("No line took 1 % of CPU time or more.")
    assert f"{SCRIPT}:7, took 0.50 %" in text


def test_a_profile_without_cpu_time_says_what_its_summary_notes() -> None:
    """Nothing sampled is explained by the run's own notes."""
    empty = sample_profile(files=(), summary=sample_summary(notes=("too short to sample",)))
    assert "too short to sample" in ProfileAnalyzer(empty).get_cpu_hotspots().text()


def test_smeared_lines_are_told_apart_by_the_stacks() -> None:
    """Where Scalene spread a loop evenly, the line that most stacks end on comes first."""
    smeared = (sample_line(6, cpu_percent=50.0), sample_line(7, cpu_percent=50.0))
    stacks = (
        sample_stack(("<module>", 16), ("square_sum", 7), cpu_sec=1.0),
        sample_stack(("<module>", 16), ("square_sum", 6), cpu_sec=0.2),
    )
    by_signal = analyzer(*smeared, line_sampler="scalene", stacks=stacks)
    assert [row.lineno for row in by_signal.get_cpu_hotspots().hotspots] == [7, 6]


def test_ties_go_to_the_first_line() -> None:
    """Equal figures always come in the same order."""
    tied = analyzer(sample_line(7, cpu_percent=50.001), sample_line(6, cpu_percent=50.0))
    assert [row.lineno for row in tied.get_cpu_hotspots().hotspots] == [6, 7]


def test_memory_is_ranked_by_allocation_and_not_by_peak() -> None:
    """Scalene's peak of a line that retained 516 MB was 2.7 MB: it decides nothing."""
    report = analyzer(
        sample_line(6, malloc_mb=20.0, peak_mb=20.0),
        sample_line(7, malloc_mb=516.0, retained_mb=516.0, peak_mb=2.7),
    ).get_memory_hotspots()
    assert [row.lineno for row in report.hotspots] == [7, 6]


def test_of_equal_allocations_the_retained_one_comes_first() -> None:
    """A line that keeps its memory weighs more than one that gives it back."""
    report = analyzer(
        sample_line(6, malloc_mb=64.0, retained_mb=0.0),
        sample_line(7, malloc_mb=64.0, retained_mb=64.0),
        sample_line(5, malloc_mb=64.0),
    ).get_memory_hotspots()
    assert [row.lineno for row in report.hotspots] == [7, 5, 6]
    assert report.hotspots[1].retained_mb is None


def test_a_line_allocated_at_least_what_it_retained() -> None:
    """Where the two samplers disagree the larger figure counts."""
    report = analyzer(sample_line(7, malloc_mb=1.0, retained_mb=64.0)).get_memory_hotspots()
    assert report.hotspots[0].malloc_mb == 64.0


def test_unprofiled_memory_is_no_empty_success() -> None:
    """The report says that memory was off and how to turn it on."""
    report = analyzer(
        sample_line(7, malloc_mb=3.0), options=RunOptions(cpu_only=True)
    ).get_memory_hotspots()
    assert (report.hotspots, report.memory_profiled) == ((), False)
    assert report.text() == MEMORY_NOT_PROFILED


def test_a_program_that_allocated_nothing_is_said_to() -> None:
    """Memory profiled, but no line over Scalene's sampling threshold."""
    report = analyzer(sample_line(7, cpu_percent=90.0)).get_memory_hotspots()
    assert report.memory_profiled
    assert report.text().startswith("No line allocated enough")


def test_memory_hotspots_as_text() -> None:
    """The table names the line with what it allocated and retained."""
    text = ProfileAnalyzer(sample_profile()).get_memory_hotspots().text()
    assert "64.0 MB" in text
    assert f"{SCRIPT}:13" in text


@pytest.mark.parametrize(
    ("gpu", "said"),
    [
        (Gpu(), GPU_NOT_ASKED),
        (Gpu(requested=True), GPU_NOT_SEEN),
        (Gpu(requested=True, seen=True), "A GPU was seen, but no line was seen using it."),
    ],
)
def test_no_gpu_lines_come_with_the_reason(gpu: Gpu, said: str) -> None:
    """Not asked for, not seen, and not used are three different things."""
    report = ProfileAnalyzer(sample_profile(gpu=gpu)).get_gpu_hotspots()
    assert (report.hotspots, report.gpu_seen, report.text()) == ((), gpu.seen, said)


def test_gpu_lines_are_ranked_by_time_then_memory() -> None:
    """Lines that only hold GPU memory come after those that compute on it."""
    report = analyzer(
        sample_line(5, gpu_peak_memory_mb=900.0),
        sample_line(6, gpu_percent=30.0, gpu_peak_memory_mb=10.0),
        sample_line(7, gpu_percent=30.0, gpu_peak_memory_mb=20.0),
        gpu=Gpu(requested=True, seen=True, device="H200"),
    ).get_gpu_hotspots()
    assert [row.lineno for row in report.hotspots] == [7, 6, 5]
    assert report.text().startswith("GPU hotspots on H200")


@pytest.mark.parametrize(
    "ask", ["get_cpu_hotspots", "get_memory_hotspots", "get_gpu_hotspots", "get_function_summary"]
)
def test_top_n_below_one_is_refused(ask: str) -> None:
    """Nothing asked for is a mistake of the caller."""
    with pytest.raises(ValueError, match="top_n must be at least 1, not 0"):
        getattr(ProfileAnalyzer(sample_profile()), ask)(top_n=0)


def many_lines() -> ProfileResult:
    """A profile with 300 lines over every threshold."""
    lines = tuple(
        sample_line(n, cpu_percent=30.0, malloc_mb=500.0, gpu_percent=30.0, source="x" * 300)
        for n in range(1, 301)
    )
    return sample_profile(
        files=(FileProfile(file=SCRIPT, cpu_percent=100.0, lines=lines),),
        gpu=Gpu(requested=True, seen=True),
    )


@pytest.mark.parametrize(
    ("ask", "arguments"),
    [
        ("get_cpu_hotspots", {"top_n": 1000}),
        ("get_memory_hotspots", {"top_n": 1000}),
        ("get_gpu_hotspots", {"top_n": 1000}),
        ("get_function_summary", {"top_n": 1000}),
        ("get_bottlenecks", {}),
    ],
)
def test_no_text_is_longer_than_a_screen(ask: str, arguments: dict[str, int]) -> None:
    """However much is asked for, a text stays within 60 lines."""
    report = getattr(ProfileAnalyzer(many_lines()), ask)(**arguments)
    assert len(report.text().splitlines()) <= 60

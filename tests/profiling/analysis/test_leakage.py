"""The report on memory leaks."""

from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.analysis.hotspots import MEMORY_NOT_PROFILED
from dynogate.profiling.models import MemoryFlow, MemoryRecord, ProfileResult, RunOptions
from tests.profiles import SCRIPT, sample_profile


def leaking() -> ProfileResult:
    """Ten seconds in which line 13 kept 10 MB a second."""
    timeline = tuple((t / 10, 16.0 + t) for t in range(101))
    intervals = tuple((float(t), t + 1.0) for t in range(10))
    flow = MemoryFlow(file=SCRIPT, lineno=13, kept_mb=(10.0,) * 10, rising_mb=(10.0,) * 10)
    record = MemoryRecord(exact=True, intervals=intervals, watched_sec=(1.0,) * 10, flows=(flow,))
    return sample_profile(memory_timeline=timeline, memory_record=record)


def test_a_leaking_line_is_reported_with_its_rate() -> None:
    """The row names the line, its function and source, what it leaks and how sure that is."""
    report = ProfileAnalyzer(leaking()).get_memory_leaks()
    (leak,) = report.leaks
    assert (leak.file, leak.lineno, leak.function) == (SCRIPT, 13, "grow")
    assert leak.source == "        kept.append(bytearray(1 << 20))"
    assert 7.5 < leak.rate_mb_per_sec < 12.5
    assert leak.confidence > 0.5


def test_a_leak_as_text_comes_with_its_evidence() -> None:
    """A reader can judge what the finding rests on."""
    report = ProfileAnalyzer(leaking()).get_memory_leaks()
    assert f"{SCRIPT}:13  grow" in report.text()
    assert f"{SCRIPT}:13: {report.leaks[0].evidence[:20]}" in report.text()


def test_a_leak_is_part_of_the_analysis() -> None:
    """Who asks for everything is told of leaks."""
    text = ProfileAnalyzer(leaking()).analyze().text()
    assert text.index("\nMemory\n") < text.index("\nLeaks\n") < text.index("\nSuggestions\n")


def test_no_leak_is_said_to_be_none() -> None:
    """An empty list after looking is an answer."""
    report = ProfileAnalyzer(sample_profile()).get_memory_leaks()
    assert (report.memory_profiled, report.leaks) == (True, ())
    assert report.text() == "No line's memory kept growing while it ran."


def test_unprofiled_memory_is_no_all_clear() -> None:
    """Where nobody looked, the report says so and how to look."""
    profile = sample_profile(options=RunOptions(include_memory=False))
    report = ProfileAnalyzer(profile).get_memory_leaks()
    assert report.memory_profiled is False
    assert report.text() == MEMORY_NOT_PROFILED

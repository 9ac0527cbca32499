"""The whole analysis, its focus and its text, on sample profiles and on a real one."""

import time

import pytest

from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.analysis.hotspots import GPU_NOT_ASKED, MEMORY_NOT_PROFILED
from dynogate.profiling.analysis.overview import Focus
from dynogate.profiling.models import (
    FileProfile,
    Frame,
    Gpu,
    ProfileResult,
    RunOptions,
    ScriptError,
    StackSample,
)
from tests.profiles import SCRIPT, sample_line, sample_profile, sample_summary, sample_target


def test_an_analysis_has_every_part() -> None:
    """With the default focus nothing is left out."""
    found = ProfileAnalyzer(sample_profile(profile_id="prof_1")).analyze()
    assert found.profile_id == "prof_1"
    assert found.cpu is not None
    assert found.memory is not None
    assert found.leaks is not None
    assert found.gpu is not None
    assert [row.lineno for row in found.bottlenecks.cpu] == [7, 6, 13]
    assert [row.lineno for row in found.bottlenecks.memory] == [13]


@pytest.mark.parametrize(
    ("focus", "parts"),
    [("cpu", {"cpu"}), ("memory", {"memory", "leaks"}), ("gpu", {"gpu"})],
)
def test_a_focus_leaves_the_rest_out(focus: Focus, parts: set[str]) -> None:
    """Parts out of focus are null, and their bottlenecks are empty."""
    found = ProfileAnalyzer(sample_profile()).analyze(focus)
    present = {part for part in ("cpu", "memory", "leaks", "gpu") if getattr(found, part)}
    assert present == parts
    assert bool(found.bottlenecks.cpu) == (focus == "cpu")
    assert bool(found.bottlenecks.memory) == (focus == "memory")


def test_suggestions_keep_to_the_focus() -> None:
    """Advice on memory is given on memory, not on CPU time."""
    analyzer = ProfileAnalyzer(sample_profile())
    assert [s.rule for s in analyzer.analyze("memory").suggestions] == ["everything-at-once"]
    assert analyzer.analyze("cpu").suggestions == ()
    assert analyzer.analyze("gpu").suggestions == ()


def test_nothing_is_suggested_where_the_thresholds_are_not_reached() -> None:
    """A caller's threshold holds for the advice, too."""
    found = ProfileAnalyzer(sample_profile()).analyze(memory_threshold_mb=65.0)
    assert (found.suggestions, found.bottlenecks.memory) == ((), ())
    assert "No rule has anything to suggest." in found.text()


def test_the_text_tells_the_run_the_lines_and_the_advice() -> None:
    """What a language model reads first is in the order it needs it."""
    text = ProfileAnalyzer(sample_profile()).analyze().text()
    order = [
        f"{SCRIPT}: completed (exit status 0) after 2.00 s, 1.90 s of CPU time; 190 CPU samples",
        "memory: at most 80.0 MB, growing by 32.00 MB/s; 64 allocation samples",
        "\nCPU\n",
        f"{SCRIPT}:7",
        "\nMemory\n",
        "\nSuggestions\n",
        "[everything-at-once]",
    ]
    places = [text.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_a_failed_run_is_told_with_its_error() -> None:
    """The exception and where it was raised belong to the result."""
    error = ScriptError(
        type="ValueError", message="no such n", traceback="...", file=SCRIPT, lineno=7
    )
    summary = sample_summary(outcome="failed", exit_status=1, error=error)
    text = ProfileAnalyzer(sample_profile(summary=summary)).overview()
    assert "failed (exit status 1)" in text
    assert f"it raised ValueError at {SCRIPT}:7: no such n" in text


def test_a_partial_run_keeps_its_notes() -> None:
    """Whoever reads the figures is told what they lack."""
    summary = sample_summary(
        outcome="timed_out", exit_status=None, repeats=3, notes=("killed after 2 s",)
    )
    analyzer = ProfileAnalyzer(sample_profile(summary=summary))
    for text in (analyzer.overview(), analyzer.analyze().text()):
        assert text.startswith(f"{SCRIPT}: timed out after 2.00 s, 3 runs,")
        assert text.endswith("killed after 2 s")


def test_an_overview_of_nothing_is_the_run_alone() -> None:
    """A run without samples has no tables."""
    summary = sample_summary(max_footprint_mb=None)
    text = ProfileAnalyzer(sample_profile(files=(), stacks=(), summary=summary)).overview()
    assert len(text.splitlines()) == 1


def test_unprofiled_memory_is_told_in_the_analysis() -> None:
    """No memory hotspots and no leaks then mean that nobody looked."""
    found = ProfileAnalyzer(sample_profile(options=RunOptions(cpu_only=True))).analyze()
    assert found.leaks is not None
    assert (found.leaks.memory_profiled, found.leaks.leaks) == (False, ())
    assert MEMORY_NOT_PROFILED in found.text()


def test_a_gpu_that_was_not_asked_for_is_only_mentioned_in_focus() -> None:
    """Somebody who asks for everything is not told of what they did not want."""
    analyzer = ProfileAnalyzer(sample_profile())
    assert GPU_NOT_ASKED in analyzer.analyze("gpu").text()
    assert GPU_NOT_ASKED not in analyzer.analyze().text()


def crowded() -> ProfileResult:
    """A profile where every part and every rule has more to say than fits."""
    source = "import numpy\n" * 300
    lines = tuple(
        sample_line(
            n,
            source="import numpy",
            cpu_percent=30.0,
            cpu_percent_system=50.0,
            malloc_mb=500.0,
            retained_mb=400.0,
            gpu_percent=30.0,
            memory_samples=tuple((t / 10, t * 10.0) for t in range(20)),
        )
        for n in range(1, 301)
    )
    return sample_profile(
        target=sample_target(source=source),
        files=(FileProfile(file=SCRIPT, cpu_percent=100.0, lines=lines),),
        gpu=Gpu(requested=True, seen=True),
        summary=sample_summary(notes=("one", "two", "three")),
    )


def test_an_analysis_stays_within_a_screen() -> None:
    """However much there is to say, the text has at most 60 lines; the data has it all."""
    found = ProfileAnalyzer(crowded()).analyze(top_n=1000)
    assert len(found.text().splitlines()) <= 60
    assert len(found.bottlenecks.cpu) == 300
    assert len(found.suggestions) > 5


def large(files: int = 100, lines: int = 100, stacks: int = 1000) -> ProfileResult:
    """A profile of 10,000 costly lines and 30,000 frames."""
    name = "/nowhere/m{}.py".format
    parts = tuple(
        FileProfile(
            file=name(f),
            cpu_percent=1.0,
            lines=tuple(
                sample_line(n, source="x", cpu_percent=(f * n % 97) / 97, malloc_mb=n % 5)
                for n in range(1, lines + 1)
            ),
        )
        for f in range(files)
    )
    deep = tuple(
        StackSample(
            frames=tuple(
                Frame(file=name((s + d) % files), function=f"f{d}", lineno=(s * d) % lines + 1)
                for d in range(30)
            ),
            cpu_sec=0.01,
            count=1,
        )
        for s in range(stacks)
    )
    return sample_profile(files=parts, stacks=deep)


def test_what_was_worked_out_once_is_kept() -> None:
    """Later answers of one analyzer cost a small part of the first, at any size."""
    analyzer = ProfileAnalyzer(large())
    start = time.thread_time()
    analyzer.analyze()
    analyzer.get_function_summary()
    first = time.thread_time() - start
    start = time.thread_time()
    analyzer.get_cpu_hotspots()
    analyzer.get_memory_hotspots()
    analyzer.get_function_summary()
    again = time.thread_time() - start
    assert again < first / 10

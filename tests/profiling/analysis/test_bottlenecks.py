"""The lines over the thresholds."""

from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.analysis.hotspots import MEMORY_NOT_PROFILED
from dynogate.profiling.models import FileProfile, Gpu, RunOptions
from tests.profiles import SCRIPT, sample_line, sample_profile


def test_lines_at_the_thresholds_are_bottlenecks() -> None:
    """5 % of CPU time and 10 MB are the defaults, and a line that just reaches one is in."""
    found = ProfileAnalyzer(sample_profile()).get_bottlenecks()
    assert [row.lineno for row in found.cpu] == [7, 6, 13]
    assert [row.lineno for row in found.memory] == [13]
    assert found.gpu == ()


def test_higher_thresholds_leave_lines_out() -> None:
    """Each list has its own threshold."""
    found = ProfileAnalyzer(sample_profile()).get_bottlenecks(
        cpu_threshold=50.0, memory_threshold_mb=64.1
    )
    assert ([row.lineno for row in found.cpu], found.memory) == ([7], ())
    assert "none" in found.text().splitlines()


def test_a_line_with_ten_percent_of_gpu_time_is_a_bottleneck() -> None:
    """Below that, its severity is low."""
    lines = tuple(sample_line(n, gpu_percent=share) for n, share in ((6, 9.9), (7, 10.0)))
    profile = sample_profile(
        files=(FileProfile(file=SCRIPT, cpu_percent=0.0, lines=lines),),
        gpu=Gpu(requested=True, seen=True),
    )
    found = ProfileAnalyzer(profile).get_bottlenecks()
    assert [row.lineno for row in found.gpu] == [7]
    assert "GPU bottlenecks" in found.text()


def test_no_memory_bottleneck_is_claimed_where_memory_was_off() -> None:
    """An empty list then means that nobody looked, and the report says so."""
    profile = sample_profile(options=RunOptions(include_memory=False))
    found = ProfileAnalyzer(profile).get_bottlenecks()
    assert (found.memory, found.notes) == ((), (MEMORY_NOT_PROFILED,))

"""The hot paths do what they should; with ``--benchmark-enable`` they are timed, too."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.regression.paths import PATHS, HotPath

RIGHT: dict[str, Callable[[Any], bool]] = {
    "rpc": lambda answer: b'"structuredContent":{"said":"hellohello"}' in answer,
    "modern": lambda answer: b'"structuredContent":{"said":"hellohello"}' in answer,
    "limiter": lambda admitted: admitted is None,
    "registry": lambda arguments: (arguments.say, arguments.times) == ("hello", 2),
    "parse": lambda profile: len(profile.files) == 4 and profile.summary.alloc_samples == 400,
    "hotspots": lambda told: len(told.hotspots) == 10 and told.hotspots[0].cpu_percent > 1,
    "store": lambda page: len(page.profiles) == 10 and page.total == 20,
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_hot_path_gives_what_it_should(
    path: HotPath, benchmark: BenchmarkFixture, tmp_path: Path
) -> None:
    """The work that is counted and timed is done, and done right."""
    with ExitStack() as stack:
        work = path.build(tmp_path, stack)
        work(20)
        result = benchmark(work, path.times)
    assert RIGHT[path.name](result), result

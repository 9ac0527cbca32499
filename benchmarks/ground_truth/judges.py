"""Who is asked about a program: the tools of a gateway, or the Python library behind them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from benchmarks._gateway import stdout_of
from benchmarks.ground_truth.corpus import Spot, true_rates
from benchmarks.ground_truth.score import Observed
from dynogate.client import GatewayClient
from dynogate.errors import DynogateError
from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.capture.profiler import ScaleneProfiler

Row = Mapping[str, Any]


class Judge(Protocol):
    """Profiles a script and says what its hot lines and leaks are."""

    def observe(self, script: Path) -> Observed:
        """What is said of ``script``."""


class GatewayJudge:
    """Asks over HTTP: profile_script, then the three tools about the profile."""

    def __init__(self, client: GatewayClient) -> None:
        self._client = client

    def observe(self, script: Path) -> Observed:
        """What the tools say of ``script``."""
        try:
            run = self._client.call("profile_script", {"script_path": str(script)})
            which = {"profile_id": run.structured_content["profile_id"]}
            cpu = self._client.call("get_cpu_hotspots", which).structured_content["hotspots"]
            memory = self._client.call("get_memory_hotspots", which).structured_content["hotspots"]
            leaks = self._client.call("get_memory_leaks", which).structured_content["leaks"]
            stdout = stdout_of(self._client, which["profile_id"])
        except DynogateError as error:
            return Observed(problem=error.message.splitlines()[0])
        return _observed(script.parent, cpu, memory, leaks, stdout)


class LibraryJudge:
    """Asks ScaleneProfiler and ProfileAnalyzer in this process."""

    def __init__(self) -> None:
        self._profiler = ScaleneProfiler()

    def observe(self, script: Path) -> Observed:
        """What the library says of ``script``."""
        try:
            profile = self._profiler.profile_script(script)
        except DynogateError as error:
            return Observed(problem=error.message.splitlines()[0])
        analyzer = ProfileAnalyzer(profile)
        return _observed(
            script.parent,
            analyzer.get_cpu_hotspots().model_dump()["hotspots"],
            analyzer.get_memory_hotspots().model_dump()["hotspots"],
            analyzer.get_memory_leaks().model_dump()["leaks"],
            profile.stdout,
        )


def _observed(
    folder: Path, cpu: Sequence[Row], memory: Sequence[Row], leaks: Sequence[Row], stdout: str
) -> Observed:
    return Observed(
        cpu=tuple(_spot(folder, row) for row in cpu),
        memory=tuple(_spot(folder, row) for row in memory),
        leaks=tuple((_spot(folder, row), float(row["rate_mb_per_sec"])) for row in leaks),
        true_rates=tuple(true_rates(stdout).items()),
    )


def _spot(folder: Path, row: Row) -> Spot:
    path = Path(row["file"])
    inside = path.is_relative_to(folder)
    return Spot(path.relative_to(folder).as_posix() if inside else str(path), int(row["lineno"]))

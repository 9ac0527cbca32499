"""What tests of profiling share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynogate.profiling.capture import supervised


@pytest.fixture(scope="module")
def child_coverage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where coverage is measured, run the child's scripts under it, too."""
    coverage = sys.modules.get("coverage")
    running = coverage and coverage.Coverage.current()
    if running is None:
        yield
        return
    data_file = Path(running.config.data_file or ".coverage").resolve()
    settings = tmp_path_factory.mktemp("coverage") / "coveragerc"
    lines = [
        "[run]",
        "branch = true",
        "parallel = true",
        "patch = _exit",
        "disable_warnings = no-data-collected",
        f"data_file = {data_file}",
        f"source = {supervised.CHILD}",
    ]
    settings.write_text("\n".join(lines))

    def measured(python: Path, script: str, *_flags: str) -> list[str]:
        command = [str(python), "-m", "coverage", "run", f"--rcfile={settings}"]
        return [*command, str(supervised.CHILD / script)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervised, "python_command", measured)
        yield

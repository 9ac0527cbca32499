from pathlib import Path

import pytest

from tests.conformance.suite import judge

# As many as passed when this was written; fewer would mean that something is no longer asked.
PASSED = {"2026-07-28": 196, "2025-11-25": 82}


@pytest.mark.slow
@pytest.mark.parametrize("requirements", PASSED)
def test_the_official_suite_finds_nothing(tmp_path: Path, requirements: str) -> None:
    """Neither a failure nor a warning in any check of any scenario, tasks included."""
    checks = judge(tmp_path, "--requirements", requirements)
    bad = [check for check in checks if check.status in ("FAILURE", "WARNING")]
    assert bad == []
    passed = [check for check in checks if check.status == "SUCCESS"]
    assert len(passed) >= PASSED[requirements]

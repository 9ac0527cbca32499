"""The official conformance suite, whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.__main__ import FIXTURES
from tests.conformance.suite import REQUIREMENTS, read_checks, run_suite
from tests.live import Live, as_process

pytestmark = pytest.mark.slow

AT_LEAST = {"2026-07-28": 190, "2025-11-25": 80}
"""Checks that pass; fewer of them means that something is no longer tried."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    env = {"DYNOGATE_TOOLSETS": FIXTURES, "DYNOGATE_RATE_LIMIT": "off"}
    with as_process(tmp_path_factory.mktemp("data"), env=env) as live:
        yield live


@pytest.mark.parametrize("requirements", REQUIREMENTS)
def test_no_check_fails(live: Live, tmp_path: Path, requirements: str) -> None:
    """Of what this revision of the specification requires."""
    run_suite(f"{live.url}/mcp", tmp_path, "--requirements", requirements)
    checks = read_checks(tmp_path)
    assert [check for check in checks if check.status == "FAILURE"] == []
    passed = [check for check in checks if check.status == "SUCCESS"]
    assert len(passed) >= AT_LEAST[requirements]

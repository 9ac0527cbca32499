"""The official client of the tasks extension (@modelcontextprotocol/ext-tasks)."""

from pathlib import Path

import pytest

from tests.clients.conftest import node, visit_of
from tests.live import as_process

pytestmark = pytest.mark.slow


def test_the_official_client_of_the_extension_works(tmp_path: Path) -> None:
    """A result, questions before and in a task, a failure and a cancel, by its schemas."""
    env = {"DYNOGATE_TOOLSETS": "tests.conformance.fixtures:toolset"}
    with as_process(tmp_path, env=env) as live:
        visit = visit_of(node("tasks.mjs", f"{live.url}/mcp"))
    assert visit == {
        "slow": "computed x in 0.5 s",
        "states": ["working", "completed"],
        "confirmed": "deleted x",
        "composed": "Hello, Ada!",
        "failed": "failed",
        "cancelled": "cancelled",
        "asked": ["elicitation by task-update", "elicitation by request-retry"],
    }

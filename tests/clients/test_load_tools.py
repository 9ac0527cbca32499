"""An MCP client has one gateway load another, and reads what came of it."""

from pathlib import Path
from typing import Any

import mcp_types
import pytest
from mcp.client import Client

from tests.clients.test_python import Seen
from tests.live import as_process

pytestmark = pytest.mark.slow


async def test_a_client_loads_a_second_gateway(tmp_path: Path) -> None:
    """With progress; the report is listed, read as a resource, and compared with another."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with as_process(tmp_path / "second") as second, as_process(tmp_path / "first") as first:
        seen = Seen()
        async with Client(f"{first.url}/mcp") as client:

            async def called(tool: str, **arguments: object) -> Any:
                answer = await client.call_tool(tool, arguments, progress_callback=seen)
                assert isinstance(answer, mcp_types.CallToolResult)
                assert not answer.is_error, answer.content
                return answer.structured_content

            ids = []
            for transport in ("mcp", "ws"):
                made = await called(
                    "run_load_test", target_url=second.url, transport=transport, rate=20,
                    duration_seconds=1.5, max_p99_seconds=30,
                )  # fmt: skip
                assert made["summary"]["calls"] == 30
                assert made["summary"]["success_rate"] == 1.0
                assert "response time" in made["report_text"]
                ids.append(made["report_id"])
            assert seen.count >= 2
            listed = await called("list_load_reports")
            assert [row["report_id"] for row in listed["reports"]] == ids[::-1]
            full = await called("get_load_report", report_id=ids[0], format="full")
            assert full["report"]["schema_version"].startswith("1.")
            assert full["report"]["outcomes"] == {"OK": 30}
            found = await called("compare_load_reports", before_id=ids[0], after_id=ids[1])
            assert found["verdict"] in {"noise", "regression", "improvement", "incomparable"}
            read = await client.read_resource(f"load-report://{ids[0]}")
            assert ids[0] in read.contents[0].text  # type: ignore[union-attr]
        status = second.get("/status").json()
    assert status["total_requests"] >= 30

from contextlib import closing
from pathlib import Path

import pytest

from dynogate.errors import Busy, InternalError
from dynogate.telemetry.audit import Audit
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.context import ToolContext
from dynogate.tools.dispatch import call_tool
from dynogate.tools.registry import Annotations, Registry, Toolset
from tests.toolset import Echo

toolset = Toolset("writing")


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=False))
async def write(ctx: ToolContext, *, path: str) -> Echo:
    """Write into a file."""
    Path(path).write_text("x")
    return Echo(said=path, times=1, client_id=None, principal="")


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("/dev/full", Busy, "short of means: a disk is full"),
        ("/no/such/file", InternalError, "a fault in the gateway"),
    ],
)
async def test_what_the_machine_is_short_of_is_no_fault(
    context: ToolContext, tmp_path: Path, path: str, error: type[Exception], said: str
) -> None:
    """The client is told what it is, and may come back; any other failure is ours."""
    tool = Registry(toolset).get("write")
    assert tool is not None
    arguments = f'{{"path": "{path}"}}'.encode()
    with closing(Audit(tmp_path / "audit.jsonl")) as audit, pytest.raises(error, match=said):
        await call_tool(tool, arguments, context, Metrics(), audit, "rpc")

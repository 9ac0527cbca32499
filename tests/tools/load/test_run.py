"""run_load_test: hostile arguments, a run, and one that is cancelled."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dynogate.errors import Busy, ExtraMissing, InvalidParams, TargetNotAllowed
from dynogate.load.storage import LoadReportStorage
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import FunctionTool
from tests.load.servers import Served
from tests.tools.load.conftest import NAMES, REGISTRY, answer, call

URL = "http://127.0.0.1:9"
INFINITE = float("inf")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "'target_url' is missing"),
        ({"target_url": ""}, "target_url"),
        ({"target_url": "x" * 3000}, "target_url"),
        ({"target_url": "file:///etc/passwd"}, "'target_url' cannot be"),
        ({"target_url": "gopher://127.0.0.1:70"}, "'target_url' cannot be"),
        ({"target_url": "http://me:s3cret@127.0.0.1"}, "use a header"),
        ({"target_url": "http://127.0.0.1\\@10.0.0.1"}, "'target_url' cannot be"),
        ({"target_url": "http://127.0.0.1/ HTTP/1.1"}, "percent-encode"),
        ({"target_url": URL, "rate": float("nan")}, "rate"),
        ({"target_url": URL, "rate": INFINITE}, "rate"),
        ({"target_url": URL, "rate": -1}, "rate"),
        ({"target_url": URL, "rate": 0}, "rate"),
        ({"target_url": URL, "rate": 1e300}, "rate"),
        ({"target_url": URL, "rate": 101}, "DYNOGATE_LOAD_MAX_RATE"),
        ({"target_url": URL, "concurrency": 10**30}, "concurrency"),
        ({"target_url": URL, "concurrency": 21}, "DYNOGATE_LOAD_MAX_CONNECTIONS"),
        ({"target_url": URL, "concurrency": 1.5}, "concurrency"),
        ({"target_url": URL, "duration_seconds": 31}, "DYNOGATE_LOAD_MAX_DURATION_SEC"),
        ({"target_url": URL, "duration_seconds": float("nan")}, "duration_seconds"),
        ({"target_url": URL, "rate": 100, "duration_seconds": 21}, "DYNOGATE_LOAD_MAX_CALLS"),
        ({"target_url": URL, "step_seconds": -1}, "step_seconds"),
        ({"target_url": URL, "timeout_seconds": 1e9}, "timeout_seconds"),
        ({"target_url": URL, "max_error_rate": 2}, "max_error_rate"),
        ({"target_url": URL, "rate": 1, "concurrency": 1}, "exclude each other"),
        ({"target_url": URL, "mode": "burn"}, "mode"),
        ({"target_url": URL, "transport": "smtp"}, "transport"),
        ({"target_url": URL, "arguments": {"a": 1}}, "goes with 'tool'"),
        ({"target_url": URL, "headers": {"Host": "other"}}, "may not name 'Host'"),
        ({"target_url": URL, "headers": {"content-LENGTH": "5"}}, "may not name"),
        ({"target_url": URL, "headers": {"Transfer-Encoding": "chunked"}}, "may not name"),
        ({"target_url": URL, "headers": {"Sec-WebSocket-Key": "x"}}, "may not name"),
        ({"target_url": URL, "headers": {"X": "a\r\nHost: b"}}, "'headers' cannot be"),
        ({"target_url": URL, "headers": {"X: y": "a"}}, "'headers' cannot be"),
        ({"target_url": URL, "pid": 1}, "unknown argument 'pid'"),
    ],
)
async def test_hostile_arguments_are_refused(
    context: ToolContext, arguments: dict[str, Any], named: str
) -> None:
    """Before anything is sent, and the error names the argument or the setting."""
    with pytest.raises(InvalidParams, match=named):
        await call(context, "run_load_test", **arguments)


@pytest.mark.parametrize(
    "url",
    [
        *("http://10.0.0.1", "http://169.254.169.254/latest", "ws://[fd00::1]:8000", "http://0/"),
        *("http://example.org", "http://[::ffff:10.0.0.1]/mcp", "http://0x7f.1", "http://0.0.0.0"),
    ],
)
async def test_other_machines_are_refused(context: ToolContext, url: str) -> None:
    """With the setting that would allow them."""
    with pytest.raises(TargetNotAllowed, match="DYNOGATE_LOAD_TARGETS"):
        await call(context, "run_load_test", target_url=url)


@pytest.mark.parametrize(
    "secret", [{"headers": "Bearer s3cret"}, {"headers": {"A": 5}}, {"arguments": ["s3cret"]}]
)
async def test_a_secret_of_the_wrong_type_is_not_told_again(
    context: ToolContext, secret: dict[str, Any]
) -> None:
    """Errors are kept by clients and logs."""
    with pytest.raises(InvalidParams, match=next(iter(secret))) as caught:
        await call(context, "run_load_test", target_url=URL, **secret)
    assert "s3cret" not in str(caught.value)
    assert "got" not in str(caught.value)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_tool_and_argument_is_described(name: str) -> None:
    """A model that reads the listing knows what each argument means."""
    tool = REGISTRY.get(name)
    assert isinstance(tool, FunctionTool)
    assert len(tool.description) > 100
    for argument, schema in tool.input_schema()["properties"].items():
        assert schema.get("description"), argument
    assert tool.scope == ("tools:execute" if name == "run_load_test" else "tools:read")
    assert tool.annotations.read_only is (name != "run_load_test")


def test_the_gateway_starts_without_the_extra() -> None:
    """Nothing of it is imported at start, so that it costs nobody time who has no use for it."""
    code = (
        "import sys\n"
        "for name in ('aiohttp', 'scipy', 'jinja2', 'locust'): sys.modules[name] = None\n"
        "import dynogate.app\n"
        "from dynogate.tools.toolsets import load_registry\n"
        "print(load_registry().get('run_load_test').name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "run_load_test\n"), done.stderr


async def test_without_the_extra_the_error_says_what_to_install(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other load tools still work."""
    monkeypatch.setitem(sys.modules, "scipy", None)
    for name, arguments in (
        ("run_load_test", {"target_url": URL}),
        ("compare_load_reports", {"before_id": "a", "after_id": "b"}),
        ("get_load_report", {"report_id": "a", "format": "html"}),
    ):
        with pytest.raises(ExtraMissing, match=r"scipy .* pip install 'dynogate\[load\]'"):
            await call(context, name, **arguments)
    assert (await call(context, "list_load_reports"))["reports"] == []


async def test_a_run_is_stored_and_read(
    context: ToolContext, server: Served, storage: LoadReportStorage, tmp_path: Path
) -> None:
    """From the arguments to a report that can be asked for; no secret is on the disk."""
    answered = await answer(
        context, "run_load_test", target_url=f"{server.url}/?key=s3cret", concurrency=2,
        requests=40, tool="list_databases", arguments={"password": "s3cret"},
        headers={"Authorization": "Bearer s3cret"},
    )  # fmt: skip
    made = answered["structuredContent"]
    assert (made["summary"]["calls"], made["summary"]["success_rate"]) == (40, 1.0)
    assert made["summary"]["verdict"] in {"held", "invalid"}
    text = answered["content"][0]["text"]
    assert made["summary"]["verdict"].upper() in text
    assert made["report_id"] in text
    assert "40 calls (OK 40)" in text
    full = await call(context, "get_load_report", report_id=made["report_id"], format="full")
    assert full["report"]["options"]["arguments"] == "password"
    assert full["report"]["target"]["url"].endswith("/mcp/tools/call?...")
    assert "s3cret" not in str(full)
    assert not any(b"s3cret" in path.read_bytes() for path in tmp_path.iterdir())


async def test_a_cancelled_run_keeps_what_it_measured(
    context: ToolContext, server: Served, storage: LoadReportStorage
) -> None:
    """When the caller goes away the load ends, and its partial report is stored."""
    running = asyncio.Event()
    watched = msgspec.structs.replace(context, progress=lambda *_: running.set())
    task = asyncio.create_task(
        call(watched, "run_load_test", target_url=server.url, duration_seconds=30, rate=20)
    )
    await asyncio.wait_for(running.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [row] = storage.list().reports
    assert row.interrupted
    assert row.duration_sec < 25


async def test_a_full_queue_takes_no_test(context: ToolContext) -> None:
    """The client is told when to come back."""
    await context.jobs.drain(1.0)
    with pytest.raises(Busy):
        await call(context, "run_load_test", target_url=URL)

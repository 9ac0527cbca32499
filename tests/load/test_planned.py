"""Planned load tests, carried out in this process."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dynogate.errors import GatewayUnreachable
from dynogate.load import planned
from dynogate.load.generator import Progress
from dynogate.load.harness import Harness, Interrupted
from dynogate.load.planned import carry_out
from dynogate.load.targets import target
from tests.load import servers
from tests.load.plans import plan
from tests.load.servers import Served


async def test_callers_keep_up_a_load(server: Served) -> None:
    """The report is whole, and says what was asked for."""
    report = await carry_out(plan(server.url, users=2))
    assert (report.name, report.loop, report.users, report.calls) == ("concurrent", "closed", 2, 10)
    assert report.outcomes == {"OK": 10}
    assert report.options["mode"] == "concurrent"
    assert not report.interrupted


async def test_a_rate_is_kept_up_for_drift(server: Served) -> None:
    """An open loop, and limits of the plan are held against it."""
    report = await carry_out(
        plan(server.url, mode="sustained", rate=50.0, users=None, requests=None, duration=1.0,
             max_p99=5.0, min_rps=1.0)
    )  # fmt: skip
    assert (report.loop, report.calls, len(report.thresholds)) == ("open", 50, 3)
    assert {each.verdict for each in report.drift} == {"unknown"}


async def test_callers_are_added_step_by_step(server: Served) -> None:
    """Up to the most, until the time is over."""
    made = plan(server.url, mode="ramp_up", users=3, requests=None, step=0.2, duration=10.0)
    report = await carry_out(made)
    assert [step.load for step in report.steps] == [1, 2, 3]
    assert not report.interrupted
    short = await carry_out(
        plan(server.url, mode="ramp_up", users=10, requests=None, step=0.4, duration=2.5)
    )
    assert short.interrupted
    assert 1 <= len(short.steps) < 10


async def test_a_breaking_point_that_is_not_reached(server: Served) -> None:
    """Up to the highest rate that is allowed."""
    made = plan(
        server.url, mode="breaking_point", rate=10.0, users=None, requests=None, step=0.3,
        duration=30.0, max_p99=5.0,
    )  # fmt: skip
    report = await carry_out(made)
    assert report.breaking_point is not None
    assert report.breaking_point.verdict == "not reached"
    assert report.breaking_point.rule.max_p99 == 5.0


@pytest.mark.parametrize(
    ("fields", "calls"),
    [
        ({"requests": None, "max_calls": 25, "users": 2, "duration": 20.0}, 25),
        ({"mode": "ramp_up", "requests": None, "users": 2, "max_calls": 25, "duration": 20.0}, 25),
    ],
)
async def test_no_test_makes_more_calls_than_it_may(
    server: Served, fields: dict[str, Any], calls: int
) -> None:
    """It ends, and says why."""
    report = await carry_out(plan(server.url, **fields))
    assert report.calls <= calls
    assert report.interrupted
    assert "ended early: the 25 calls of a test are used up" in report.warnings


async def test_callers_are_held_to_the_highest_rate(server: Served) -> None:
    """All of them together, whatever the server could do; and the report says so."""
    made = plan(server.url, users=4, requests=None, duration=1.0, max_rate=40.0)
    report = await carry_out(made)
    assert 30 <= report.calls <= 42
    assert "held back: callers may make 40 calls a second together" in report.warnings
    ramp = plan(
        server.url, mode="ramp_up", users=2, requests=None, step=0.5, duration=10.0, max_rate=40.0
    )
    assert (await carry_out(ramp)).scalability is None


async def test_a_search_without_calls_for_its_first_step(server: Served) -> None:
    """Has nothing to report."""
    made = plan(
        server.url, mode="breaking_point", rate=50.0, users=None, requests=None, max_calls=5
    )
    with pytest.raises(Interrupted):
        await carry_out(made)


async def test_a_secret_that_the_server_quotes_is_left_out(server: Served) -> None:
    """Whole, and the words of it; and so is the query of the URL."""

    async def quoting(body: bytes, _: servers.Reader, writer: servers.Writer) -> None:
        error = {"code": -32600, "message": "bad token 0123456789 (Bearer 0123456789)\x1b[2J"}
        answer = {"jsonrpc": "2.0", "id": json.loads(body or b"{}").get("id"), "error": error}
        servers.respond(writer, json.dumps(answer).encode())

    with servers.raw(quoting) as url:
        to = target(f"{url}/x?key=0123456789", headers={"Authorization": "Bearer 0123456789"})
        report = await carry_out(plan(target=to))
    assert any("bad token ***" in warning for warning in report.warnings)
    assert "0123456789" not in report.model_dump_json()
    assert "bad token *** (***)\ufffd[2J" in planned._plain_text(report)


async def run(work: Path, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> dict[str, Any]:
    """What a test leaves in its folder."""
    monkeypatch.chdir(work)
    await planned._run(plan(**fields))
    return {path.name: json.loads(path.read_bytes()) for path in work.iterdir()}


async def test_what_is_left_of_a_test(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result with its figures, text and document, and how far it was."""
    found = await run(tmp_path, monkeypatch, url=server.url, requests=None, duration=0.8)
    assert set(found) == {"progress.json", "result.json"}
    assert 0 < found["progress.json"]["done"] <= 0.8
    assert "calls/s" in found["progress.json"]["message"]
    result = found["result.json"]
    assert result["row"]["verdict"] == result["document"]["verdict"]
    assert result["row"]["calls"] == result["document"]["calls"]
    assert "generator: " in result["text"]


async def test_a_generator_that_dies_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed for its memory, say."""

    async def dies(*_: object, **__: object) -> None:
        raise RuntimeError("a load generator died (exit status -9)")

    monkeypatch.setattr(planned, "carry_out", dies)
    found = await run(tmp_path, monkeypatch)
    problem = {"kind": "interrupted", "message": "a load generator died (exit status -9)"}
    assert found == {"problem.json": problem}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"url": "http://127.0.0.1:9"}, "unreachable"),
        ({"max_calls": 0}, "invalid"),
    ],
)
async def test_why_there_is_no_result(
    fields: dict[str, Any], kind: str, server: Served, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """In a file of its own."""
    found = await run(tmp_path, monkeypatch, **{"url": server.url, **fields})
    assert found["problem.json"]["kind"] == kind


async def test_sigterm_ends_a_test_with_what_there_is(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As does a cancelled job."""
    tell = planned._teller

    def stop_soon(made: Any) -> Any:
        told = tell(made)

        def on_progress(now: Progress) -> None:
            told(now)
            os.kill(os.getpid(), signal.SIGTERM)

        return on_progress

    monkeypatch.setattr(planned, "_teller", stop_soon)
    found = await run(tmp_path, monkeypatch, url=server.url, requests=None, duration=60.0)
    assert found["result.json"]["row"]["interrupted"] is True
    assert 0 < found["result.json"]["row"]["duration_sec"] < 30


async def test_a_test_that_is_stopped_before_it_starts(server: Served) -> None:
    """Measures nothing."""
    with pytest.raises(Interrupted):
        await carry_out(plan(server.url), ready=Harness.stop)


async def test_nobody_there() -> None:
    """In a line."""
    with pytest.raises(GatewayUnreachable, match="no connection"):
        await asyncio.wait_for(carry_out(plan("http://127.0.0.1:9")), 20)


def test_a_plan_travels_as_json() -> None:
    """To another process and back."""
    made = plan()
    assert msgspec.json.decode(msgspec.json.encode(made), type=type(made)) == made

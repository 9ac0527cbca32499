import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from dynogate.app import build_app
from dynogate.errors import RateLimited
from dynogate.guards.rate_limit import RateLimit
from dynogate.guards.rates import read_rates
from dynogate.guards.windows import Windows
from dynogate.settings import load_settings
from tests.live import Live, as_process, in_process


def limit_of(each: str, overall: str = "off", slots: int = 1024) -> RateLimit:
    return RateLimit(
        Windows(slots=slots),
        each=read_rates(each, "client", "DYNOGATE_RATE_LIMIT"),
        overall=read_rates(overall, "all", "DYNOGATE_RATE_LIMIT_OVERALL"),
    )


async def allowed(limit: RateLimit, share: str, calls: int, client_id: str | None = None) -> int:
    count = 0
    for _ in range(calls):
        with contextlib.suppress(RateLimited):
            await limit.take(share, client_id)
            count += 1
    return count


async def test_each_caller_has_a_limit_of_its_own() -> None:
    """One that calls too often takes nothing from another."""
    limit = limit_of("3/hour")
    assert await allowed(limit, "alice", 10) == 3
    assert await allowed(limit, "bob", 10) == 3


async def test_all_callers_together_have_a_limit() -> None:
    """What a caller was refused is not counted against all."""
    limit = limit_of("3/hour", "5/hour")
    assert await allowed(limit, "alice", 100) == 3
    assert await allowed(limit, "bob", 10) == 2
    with pytest.raises(RateLimited, match=r"DYNOGATE_RATE_LIMIT_OVERALL") as refused:
        await limit.take("carol")
    assert refused.value.policy == "all-3600s"


async def test_the_narrowest_rate_decides() -> None:
    """Several rates hold at once; the refusal names the one that is used up."""
    limit = limit_of("5/hour;2/day")
    assert await allowed(limit, "alice", 10) == 2
    with pytest.raises(RateLimited) as refused:
        await limit.take("alice")
    assert refused.value.policy == "client-86400s"
    assert refused.value.policies == '"client-3600s";q=5;w=3600, "client-86400s";q=2;w=86400'


async def test_names_that_clients_give_themselves_gain_nothing() -> None:
    """A thousand of them have no more than one."""
    limit = limit_of("6/hour")
    assert sum([await allowed(limit, "alice", 1, f"id{n}") for n in range(1000)]) == 6


async def test_the_clients_of_a_caller_divide_its_limit() -> None:
    """A greedy one leaves the others their part once they are known."""
    limit = limit_of("8/hour")
    for client_id in ("a", "b"):
        assert await allowed(limit, "team", 1, client_id) == 1
    assert await allowed(limit, "team", 100, "a") == 3
    with pytest.raises(RateLimited, match="this client's part"):
        await limit.take("team", "a")
    assert await allowed(limit, "team", 100, "b") == 3


async def test_what_is_remembered_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was forgotten by name is still counted."""
    monkeypatch.setattr("dynogate.guards.rate_limit._REMEMBERED", 2)
    limit = limit_of("2/hour")
    for share in ("a", "b", "c", "a", "a"):
        await allowed(limit, share, 1, "self")
    assert await allowed(limit, "a", 5) == 0


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"),
        toolsets="tests.toolset:toolset",
        rate_limit="4/hour",
        rate_limit_costly="2/hour",
    )
    with in_process(build_app(settings)) as live:
        yield live


def body(tool: str, **arguments: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": tool, "params": arguments}


def test_a_limit_is_told_over_http(live: Live) -> None:
    """429, when to come back in header and body, and which limit it was; costly calls apart."""
    for _ in range(2):
        assert live.post(body("refuse")).status_code == 504
    by_params = body("tools/call", name="refuse")
    for refused in (body("refuse"), by_params):
        answer = live.post(refused)
        assert answer.status_code == 429
        wait = int(answer.headers["retry-after"])
        assert 0 < wait <= 7200
        assert answer.headers["ratelimit"] == f'"client-costly-3600s";r=0;t={wait}'
        assert answer.headers["ratelimit-policy"] == (
            '"client-costly-3600s";q=2;w=3600, "all-costly-1s";q=100;w=1'
        )
        error = answer.json()["error"]
        assert error["code"] == 1429
        assert wait - 1 <= error["data"]["retry_after"] <= wait
        assert "DYNOGATE_RATE_LIMIT=off" in error["message"]
    assert live.post(body("echo", say="quick")).status_code == 200


def test_a_batch_is_limited_call_by_call(live: Live) -> None:
    """What fits is served; the rest have their own errors."""
    calls = [{**body("echo", say="hi"), "id": number} for number in range(6)]
    answers = live.post(calls).json()
    served = [answer["id"] for answer in answers if "result" in answer]
    assert len(served) <= 4
    assert served == list(range(len(served)))
    assert {answer["error"]["code"] for answer in answers[len(served) :]} == {1429}


def test_requests_that_call_no_tool_are_limited_too(tmp_path: Path) -> None:
    """Listing, reading and the like, with the quick calls; told as JSON-RPC with its code."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/list",
    }
    settings = load_settings(data_dir=tmp_path, rate_limit="3/hour")
    with in_process(build_app(settings)) as live:
        answers = [httpx2.post(live.url + "/mcp", json=asked, headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"]["code"] == 1429
    assert answers[3].headers["retry-after"]


def test_two_workers_count_together(tmp_path: Path) -> None:
    """Whichever worker a connection reaches."""
    env = {"DYNOGATE_TOOLSETS": "tests.toolset:toolset", "DYNOGATE_RATE_LIMIT": "10/hour"}
    with as_process(tmp_path, "--workers", "2", env=env) as live:
        statuses = [live.post(body("echo", say="hi")).status_code for _ in range(30)]
    assert statuses.count(200) == 10
    assert statuses.count(429) == 20

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.attempt import call, prepare, processes
from tests.e2e.bad_programs import ROWS, Row
from tests.live import Live, as_process


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("root").resolve()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway's jobs have their temporary files."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module", params=["on", "off"])
def live(
    request: pytest.FixtureRequest,
    root: Path,
    scratch: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Live]:
    data = tmp_path_factory.mktemp(f"data-{request.param}")
    env = {"DYNOGATE_JOB_MEMORY_MB": "600", "TMPDIR": str(scratch)}
    options = ("--root", str(root), "--sandbox", request.param)
    with as_process(data, *options, env=env) as live:
        yield live


def settled(live: Live, scratch: Path) -> None:
    """Wait until no job is left, then look for processes and files that outlived theirs."""
    deadline = time.monotonic() + 10
    while processes(live, scratch) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(live, scratch) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_bad_program_gets_a_clear_answer_and_leaves_nothing(
    live: Live, root: Path, scratch: Path, row: Row
) -> None:
    """Status, code, message or partial result as stated; no process and no file stays behind."""
    answer = call(live, row, root)
    body = answer.json()
    assert answer.status_code == row.status, body
    if row.code is not None:
        assert body["error"]["code"] == row.code
        assert row.says in body["error"]["message"]
    else:
        result = body["result"]
        assert result["structuredContent"]["summary"]["outcome"] in row.outcome, result
        assert row.says in result["content"][0]["text"]
        assert result["structuredContent"]["profile_id"]
    settled(live, scratch)


def test_a_program_that_prints_a_gigabyte_costs_the_gateway_no_memory(
    live: Live, root: Path
) -> None:
    """What is captured is bounded, and the middle is what goes."""
    assert live.process is not None
    before = psutil.Process(live.process.pid).memory_info().rss
    row = next(row for row in ROWS if row.name == "prints 1 GB")
    live.result("profile_script", **prepare(row, root))
    after = psutil.Process(live.process.pid).memory_info().rss
    assert after - before < 64 << 20

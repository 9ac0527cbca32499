"""Load tests in child processes: what goes in, what comes out, and that nothing stays."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest

from dynogate.errors import NothingMeasured, TargetUnreachable, ToolCancelled, ToolTimedOut
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.child import ChildEnd, ChildResult
from dynogate.jobs.limits import Limits
from dynogate.load import supervised
from dynogate.load.allowed import AllowedTargets
from dynogate.load.plan import Bounds
from dynogate.load.supervised import LoadRunner
from dynogate.load.targets import target
from tests.load import servers
from tests.load.plans import plan
from tests.load.servers import Served

RUNNER = LoadRunner(allowed=AllowedTargets(), bounds=Bounds(), limits=Limits())


def processes() -> set[int]:
    """Those of load tests that run now and are ours."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if any("dynogate.load." in word for word in process.cmdline()):
                found.add(process.pid)
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_test_runs_and_tells_how_far_it_is(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds of load, their total, and a line; its folder, where the plan was, is gone.

    Nothing looks the target's name up again: its addresses are those that were checked.
    """
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told: list[tuple[float, float | None, str]] = []
    named = target(server.url.replace("127.0.0.1", "no-such-host.invalid"))
    result = RUNNER.run(
        plan(
            target=msgspec.structs.replace(named, addresses=("127.0.0.1",)),
            requests=None,
            duration=1.5,
        ),
        on_progress=lambda *each: told.append(each),
    )
    assert result.row.success_rate == 1.0
    assert json.loads(bytes(result.document))["schema_version"].startswith("1.")
    assert told[-1][1] == 1.5
    assert "in flight" in told[-1][2]
    assert list(tmp_path.iterdir()) == []
    assert not processes()


def test_a_cancelled_test_keeps_what_it_measured(server: Served) -> None:
    """And not one of its processes is left."""
    cancel = CancelToken()
    seen: set[int] = set()

    def on_progress(done: float, total: float | None, message: str) -> None:
        seen.update(processes())
        cancel.cancel("enough")

    result = RUNNER.run(
        plan(server.url, requests=None, duration=60.0), cancel=cancel, on_progress=on_progress
    )
    assert result.row.interrupted
    assert result.row.duration_sec < 30
    assert len(seen) >= 2  # the test and its generator
    assert not any(psutil.pid_exists(pid) for pid in seen)


def test_a_target_that_hangs_hangs_nothing() -> None:
    """A cancel while the server is being met ends it: nothing was measured."""
    cancel = CancelToken()
    with servers.raw(servers.hangs) as url:
        timer = threading.Timer(2.0, cancel.cancel, ["enough"])
        timer.start()
        began = time.monotonic()
        runner = replace(RUNNER, limits=Limits(grace_sec=0.5))
        with pytest.raises(ToolCancelled, match="before anything was measured"):
            runner.run(plan(url, target=target(url, timeout=60.0)), cancel=cancel)
        assert time.monotonic() - began < 20
        timer.join()
    assert not processes()


def test_nobody_there() -> None:
    """Said so, in an error of its own."""
    with pytest.raises(TargetUnreachable, match="no connection"):
        RUNNER.run(plan("http://127.0.0.1:9"))


def test_the_gateways_credentials_stay_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its environment holds, a target gets the headers of the call and no other."""
    heads: list[bytes] = []

    async def listening(body: bytes, reader: servers.Reader, writer: servers.Writer) -> None:
        servers.respond(writer, servers.result(body, result={"tools": [], "content": []}))

    async def request(reader: servers.Reader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        return await reader.readexactly(length)

    monkeypatch.setattr(servers, "_request", request)
    for name in ("DYNOGATE_API_KEY", "DYNOGATE_LOAD_TOKEN", "AUTHORIZATION"):
        monkeypatch.setenv(name, "own-secret")
    monkeypatch.setenv("HTTP_PROXY", "http://own-secret@127.0.0.1:9")
    with servers.raw(listening) as url:
        result = RUNNER.run(plan(target=target(url, headers={"X-Given": "yes"})))
    assert result.row.calls == 10
    assert len(heads) >= 10
    assert all(b"X-Given: yes" in head for head in heads)
    assert not any(b"own-secret" in head or b"authorization" in head.lower() for head in heads)


@pytest.mark.parametrize(
    ("end", "returncode", "kind"),
    [
        (ChildEnd.TIMED_OUT, -9, ToolTimedOut),
        (ChildEnd.MEMORY_EXCEEDED, -9, NothingMeasured),
        (ChildEnd.EXITED, -9, NothingMeasured),
        (ChildEnd.EXITED, 1, RuntimeError),
    ],
)
def test_a_test_that_ended_badly_is_told(
    end: ChildEnd, returncode: int, kind: type[Exception]
) -> None:
    """By how it ended."""
    child = ChildResult(
        end=end,
        returncode=returncode,
        elapsed_sec=1.0,
        cpu_sec=1.0,
        max_rss_mb=1.0,
        stdout="",
        stderr="Traceback",
        leftovers=0,
    )
    assert isinstance(supervised._error(None, child), kind)

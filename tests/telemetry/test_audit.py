import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dynogate.app import build_app
from dynogate.errors import ConfigurationError, StoreUnavailable
from dynogate.settings import load_settings
from dynogate.telemetry.audit import Audit, AuditedCall
from tests.live import Live, in_process


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "audit.jsonl"


@pytest.fixture
def audit(path: Path) -> Iterator[Audit]:
    audit = Audit(path)
    yield audit
    audit.close()


@pytest.fixture
def live(path: Path, tmp_path: Path) -> Iterator[Live]:
    settings = load_settings(
        data_dir=tmp_path, audit_file=path, toolsets="tests.toolset:toolset", job_timeout_sec=60
    )
    with in_process(build_app(settings)) as live:
        yield live


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def begun(audit: Audit) -> AuditedCall:
    return audit.begin(
        "profile_code",
        "rpc",
        b'{"code": "1"}',
        principal="key:a",
        credential="k1",
        client_id=None,
    )


def test_a_call_is_told_when_it_begins_and_when_it_ends(audit: Audit, path: Path) -> None:
    """Both lines are complete; arguments are a digest; nobody else may read the file."""
    call = begun(audit)
    audit.end(call, "ok", 1.25)
    first, second = lines(path)
    assert first["event"] == "begun"
    assert second["event"] == "ended"
    assert (second["outcome"], second["seconds"]) == ("ok", 1.25)
    assert {**first, "event": "", "time": ""}.items() <= {**second, "event": "", "time": ""}.items()
    assert first["arguments_sha256"] == hashlib.sha256(b'{"code": "1"}').hexdigest()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_rotated_file_is_left_alone(audit: Audit, path: Path) -> None:
    """The next line goes into a new one."""
    call = begun(audit)
    path.rename(path.with_suffix(".1"))
    audit.end(call, "ok", 1.0)
    assert [line["event"] for line in lines(path.with_suffix(".1"))] == ["begun"]
    assert [line["event"] for line in lines(path)] == ["ended"]


def test_what_the_file_cannot_take_goes_to_the_log(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of a call is not lost with a full disk."""
    call = begun(audit)
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with capture_logs() as logged:
        audit.end(call, "1504", 2.0)
    assert logged[0]["call"] == call.call
    assert logged[0]["outcome"] == "1504"


def test_a_file_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    """With what to set instead."""
    with pytest.raises(ConfigurationError, match="DYNOGATE_AUDIT_FILE"):
        Audit(tmp_path)


def test_every_call_that_executes_is_told(live: Live, path: Path) -> None:
    """Those that fail, too; with the request's id; and none that only reads."""
    live.call("echo", say="x")
    body = {"jsonrpc": "2.0", "id": 1, "method": "refuse", "params": {"_client_id": "me"}}
    assert live.post(body, x_request_id="my-1").headers["x-request-id"] == "my-1"
    first, second = lines(path)
    assert (first["tool"], first["transport"], first["principal"]) == ("refuse", "rpc", "local")
    assert first["request_id"] == "my-1"
    assert first["client_id"] == "me"
    assert second["outcome"] == "1504"
    assert second["call"] == first["call"]


def test_nothing_is_executed_while_the_audit_cannot_be_written(
    live: Live, path: Path, tmp_path: Path
) -> None:
    """503 instead; what only reads is served."""
    path.unlink()
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.write_text("not a folder")
    answer = live.post({"jsonrpc": "2.0", "id": 1, "method": "refuse", "params": {}})
    assert answer.status_code == 503
    assert "audit" in answer.json()["error"]["message"]
    assert live.result("echo", say="x")["said"] == "x"


async def test_readiness_knows_of_the_audit(audit: Audit, path: Path) -> None:
    """Where nothing could be executed, nothing should be sent."""
    assert await audit.check() == "ok"
    path.rename(path.parent.parent / "moved")
    path.mkdir()
    with pytest.raises(StoreUnavailable, match="audit"):
        await audit.check()


def test_half_a_line_is_left_alone(audit: Audit, path: Path) -> None:
    """What a full disk cut off does not swallow the next line, whoever writes it."""
    call = begun(audit)
    with path.open("ab") as file:
        file.write(b'{"time":"20')
    audit.end(call, "ok", 1.0)
    first, half, last = path.read_text().splitlines()
    assert json.loads(first)["event"] == "begun"
    assert half == '{"time":"20'
    assert json.loads(last)["event"] == "ended"


async def test_readiness_knows_of_a_full_disk(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a call learns of it."""
    full = os.statvfs_result((4096, 4096, 10, 0, 0, 10, 5, 5, 0, 255))
    monkeypatch.setattr(os, "fstatvfs", lambda _: full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        await audit.check()

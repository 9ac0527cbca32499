"""The command, from its words to its exit status."""

import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dynogate.load.certificate import Limits
from dynogate.load.command.main import main
from dynogate.load.harness import Options
from tests.load import servers
from tests.load.servers import Served
from tests.ports import free_port

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "performance_test.py"


def run(tmp_path: Path, *words: str) -> tuple[int, Any]:
    """The exit status, and the report if there is one."""
    path = tmp_path / "report.json"
    status = main([*words, "--json", str(path)])
    return status, json.loads(path.read_text()) if path.exists() else None


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of the tests may be a busy one: that is not what they are about."""
    lenient = functools.partial(Options, limits=Limits(late=0.5, lag=0.5))
    monkeypatch.setattr("dynogate.load.command.arguments.Options", lenient)


def test_a_rate_that_is_held(server: Served, tmp_path: Path) -> None:
    """0, with both times in seconds."""
    words = ("concurrent", "--url", server.url, "--rate", "50", "--duration", "1")
    page = tmp_path / "report.html"
    status, report = run(tmp_path, *words, "--pid", str(server.pid), "--html", str(page))
    assert status == 0, report["certificate"]
    assert report["verdict"] == "held"
    assert report["outcomes"] == {"OK": 50}
    assert report["loop"] == "open"
    for name in ("response_time", "service_time"):
        assert set(report[name]) >= {"p50", "p95", "p99", "p999", "max"}
        assert 0 < report[name]["p50"] <= report[name]["max"] < 10
    assert report["target"]["calls"] == ["list_databases"]
    assert report["server"]["rss"][0] > 1e6
    assert "<svg" in page.read_text()


@pytest.mark.parametrize("transport", ["rpc", "mcp", "ws"])
def test_users_over_every_transport(server: Served, tmp_path: Path, transport: str) -> None:
    """A closed loop says that it is one."""
    status, report = run(
        tmp_path,
        *("concurrent", "--url", server.url, "--transport", transport),
        *("--concurrency", "3", "--requests", "30", "--tool", "list_databases", "--args", "{}"),
    )
    assert status == 0, report["certificate"]
    assert (report["loop"], report["users"]) == ("closed", 3)
    assert report["calls"] == 30
    assert any("closed loop" in warning for warning in report["warnings"])


@pytest.mark.parametrize(
    "behaviour",
    [
        servers.html,
        servers.error_with_200,
        servers.tool_error,
        servers.wrong_id,
        servers.truncated,
        servers.cut_off,
        servers.hangs_up,
        servers.limits,
        servers.hangs,
    ],
)
def test_a_bad_server_fails(
    behaviour: servers.Behaviour, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """1, and the report says what was wrong."""
    with servers.raw(behaviour) as url:
        words = ("concurrent", "--url", url, "--rate", "10", "--duration", "0.5")
        status, report = run(tmp_path, *words, "--timeout", "0.5")
    assert status == 1, report["certificate"]
    assert report["success_rate"] == 0.0
    assert "OK" not in report["outcomes"]
    assert any(not each["passed"] for each in report["thresholds"])
    assert report["warnings"]


@pytest.mark.parametrize(
    ("limit", "status"),
    [
        (("--max-p99", "10s"), 0),
        (("--max-p99", "1us"), 2),
        (("--max-p99", "0.000001"), 1),
        (("--min-rps", "1000"), 1),
        (("--max-error-rate", "0%"), 0),
        (("--max-p99", "other=1s"), 1),
    ],
)
def test_thresholds_decide(
    server: Served, tmp_path: Path, limit: tuple[str, str], status: int
) -> None:
    """Between 0 and 1."""
    words = ("concurrent", "--url", server.url, "--rate", "20", "--duration", "0.5")
    assert run(tmp_path, *words, *limit)[0] == status


def test_a_rate_beyond_the_generator_is_invalid(server: Served, tmp_path: Path) -> None:
    """3, whatever the figures look like."""
    status, report = run(
        tmp_path,
        *("concurrent", "--url", server.url, "--rate", "200000", "--duration", "0.5"),
        *("--engine", "aiohttp", "--processes", "1", "--timeout", "2"),
    )
    assert status == 3
    assert report["verdict"] == "invalid"
    assert report["certificate"]["reasons"]


def test_the_edge_of_a_server(server: Served, tmp_path: Path) -> None:
    """An open loop is raised until it breaks, or to its end."""
    _, report = run(
        tmp_path,
        *("ramp-up", "--url", server.url, "--rate", "40", "--start-rate", "20"),
        *("--step-duration", "0.5"),
    )
    assert report["name"] == "ramp-up"
    assert report["breaking_point"]["verdict"] == "not reached"
    assert [step["load"] for step in report["steps"]] == [20, 40]
    assert "at least 95 %" in report["breaking_point"]["rule"]["text"]
    assert report["offered_rate"] == 40


def test_a_server_that_holds_nothing(tmp_path: Path) -> None:
    """1, though the search has found what it looked for."""
    with servers.raw(servers.error_with_200) as url:
        status, report = run(
            tmp_path,
            *("ramp-up", "--url", url, "--rate", "20", "--start-rate", "20"),
            *("--step-duration", "0.2"),
        )
    assert status == 1
    assert report["breaking_point"]["verdict"] == "at once"
    assert "lightest" in report["thresholds"][0]["text"]


def test_more_and_more_users(server: Served, tmp_path: Path) -> None:
    """A closed loop's ramp-up, with its steps."""
    _, report = run(
        tmp_path,
        *("ramp-up", "--url", server.url, "--concurrency", "4", "--step-size", "2"),
        *("--step-duration", "0.3"),
    )
    assert [step["load"] for step in report["steps"]] == [1, 2, 4]
    assert report["breaking_point"] is None
    assert report["scalability"]["missing"]


def test_sustained_looks_for_drift(server: Served, tmp_path: Path) -> None:
    """Memory, descriptors and latency; too short a run says that it is."""
    status, report = run(
        tmp_path,
        *("sustained", "--url", server.url, "--rate", "20", "--duration", "1", "--fail-on-drift"),
    )
    assert status == 0, report
    assert {drift["verdict"] for drift in report["drift"]} == {"unknown"}
    assert len(report["thresholds"]) == 4


def test_all_three_in_a_row(server: Served, tmp_path: Path) -> None:
    """Without a command; the last one at the best step's load."""
    _, report = run(
        tmp_path,
        *("--url", server.url, "--concurrency", "2", "--step-size", "1"),
        *("--duration", "0.5", "--step-duration", "0.3"),
    )
    assert [each["name"] for each in report["earlier_runs"]] == ["concurrent", "ramp-up"]
    assert report["name"] == "sustained"
    assert report["users"] in {1, 2}


def test_arrivals_of_every_kind(server: Served, tmp_path: Path) -> None:
    """At random, rising, and replayed; and a scenario instead of one tool."""
    to = ("concurrent", "--url", server.url)
    _, report = run(tmp_path, *to, "--rate", "50", "--duration", "0.5", "--arrivals", "poisson")
    assert 10 < report["calls"] < 45
    _, report = run(tmp_path, *to, "--rate", "60", "--ramp-from", "20", "--duration", "0.5")
    assert report["calls"] == 20
    arrivals = tmp_path / "arrivals.txt"
    arrivals.write_text("10\n10.2\n10.4\n")
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("- tool: list_databases\n  weight: 3\n- tool: execute_query\n")
    _, report = run(
        tmp_path, *to, "--replay", str(arrivals), "--speed", "2", "--scenario", str(scenario)
    )
    assert report["calls"] == 3
    assert report["duration"] == pytest.approx(0.2)
    assert report["target"]["calls"] == ["list_databases", "execute_query"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("concurrent", "--rate", "0"), "must be over 0"),
        (("concurrent", "--rate", "nan"), "must be over 0"),
        (("concurrent", "--rate", "-5"), "must be over 0"),
        (("concurrent", "--rate", "many"), "invalid float"),
        (("concurrent", "--rate", "10", "--concurrency", "5"), "not allowed with"),
        (("concurrent", "--rate", "10", "--requests", "5"), "--requests goes with"),
        (("concurrent", "--ramp-from", "10"), "--ramp-from goes with"),
        (("concurrent", "--duration", "-1", "--rate", "1"), "duration"),
        (("concurrent", "--url", "nowhere"), "no URL"),
        (("concurrent", "--transport", "smtp"), "invalid choice"),
        (("concurrent", "--tool", "x", "--args", "[1]"), "no JSON object"),
        (("concurrent", "--args", "{}"), "--args goes with"),
        (("concurrent", "--tool", "x", "--scenario", "y"), "leave --tool"),
        (("concurrent", "--scenario", "/no/such"), "cannot be read"),
        (("concurrent", "--header", "nonsense"), "NAME: VALUE"),
        (("concurrent", "--max-p99", "soon"), "is no limit"),
        (("concurrent", "--processes", "0"), "at least 1"),
        (("concurrent", "--json", "/no/such/place/x.json"), "no directory"),
        (("concurrent", "--replay", "/no/such"), "no arrival times"),
        (("ramp-up", "--start-rate", "50", "--rate", "10"), "must increase"),
        (("ramp-up", "--step-size", "0"), "at least 1"),
        (("ramp-up", "--min-success", "95"), "a share"),
        (("ramp-up", "--p99-limit", "0"), "must be over 0"),
        (("fly",), "unrecognized"),
        (("compare", "/no/such.json", "/no/such.json"), "cannot be read"),
    ],
)
def test_nonsense_is_told_in_a_line(
    words: tuple[str, ...], why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """2, before anything is sent."""
    assert main(words) == 2
    said = capfd.readouterr().err
    assert why in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:{port}", "no connection"),
        ("http://no-such-host.invalid", "host name is not known"),
        ("https://127.0.0.1:{good}", "SSL"),
    ],
)
def test_a_server_that_cannot_be_reached(
    server: Served, url: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """1, and a line that says why."""
    port = free_port()
    good = server.url.rpartition(":")[2]
    assert main(["concurrent", "--url", url.format(port=port, good=good)]) == 1
    said = capfd.readouterr().err
    assert why in said
    assert len(said.splitlines()) == 1


def test_secrets_stay_out_of_the_report(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither token nor headers."""
    monkeypatch.setenv("DYNOGATE_LOAD_TOKEN", "hush-hush")
    words = ("concurrent", "--url", server.url, "--concurrency", "1", "--requests", "3")
    _, report = run(tmp_path, *words, "--header", "X-Key: hush-hush")
    assert "hush-hush" not in json.dumps(report)


def test_two_reports_side_by_side(
    server: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same run twice is noise."""
    words = ("concurrent", "--url", server.url, "--rate", "50", "--duration", "2")
    assert run(tmp_path, *words)[0] == 0
    path = str(tmp_path / "report.json")
    found = tmp_path / "compared.json"
    assert main(["compare", path, path, "--json", str(found)]) == 0
    assert json.loads(found.read_text())["verdict"] == "noise"
    assert capfd.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_writes_its_report(
    server: Served, tmp_path: Path, number: signal.Signals
) -> None:
    """With what was measured until then."""
    path = tmp_path / "report.json"
    process = subprocess.Popen(
        [
            *(sys.executable, str(SCRIPT), "concurrent", "--url", server.url),
            *("--rate", "50", "--duration", "60", "--json", str(path)),
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert process.stderr is not None
    assert "list_databases" in process.stderr.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    process.send_signal(number)
    assert process.wait(30) in {0, 3}
    process.stderr.close()
    report = json.loads(path.read_text())
    assert report["interrupted"]
    assert 10 < report["outcomes"]["OK"] < 2500


def test_help_names_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """They are a promise."""
    for words in (["--help"], ["concurrent", "--help"]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 0
        assert "3" in capsys.readouterr().out.rpartition("exit status")[2]

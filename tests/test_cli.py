import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dynogate import cli
from dynogate.app import build_app
from dynogate.settings import load_settings
from tests.live import Live, as_process, in_process

BUSY = """
def work():
    total = 0
    for i in range(6_000_000):
        total += i * i % 7
    return total

work()
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = load_settings(
        data_dir=tmp_path_factory.mktemp("data"), toolsets="tests.toolset:toolset"
    )
    with in_process(build_app(settings)) as live:
        yield live


@pytest.fixture
def dynogate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Command":
    return Command(monkeypatch, capsys)


class Command:
    """Runs the command line in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of one command."""
        self.monkeypatch.setattr(sys, "argv", ["dynogate", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return code, *self.capsys.readouterr()


def test_tools_are_listed_as_a_table_or_as_json(live: Live, dynogate: Command) -> None:
    """The first line of a description is enough for the table."""
    code, out, _ = dynogate("tools", "--url", live.url)
    assert code == 0
    assert "profile_script" in out
    _, out, _ = dynogate("tools", "--url", live.url, "--json")
    assert "echo" in [tool["name"] for tool in json.loads(out)]


@pytest.mark.parametrize(
    "words", [("--say", "hi", "--times", "2"), ("--json", '{"say": "hi", "times": 2}')]
)
def test_a_tool_is_called_with_words_or_with_json(
    live: Live, dynogate: Command, words: tuple[str, ...]
) -> None:
    """Both ways give the tool's text."""
    assert dynogate("call", "echo", *words, "--url", live.url)[:2] == (0, "hi hi\n")


def test_a_bare_json_asks_for_data(live: Live, dynogate: Command) -> None:
    """The structured content, for pipes."""
    _, out, _ = dynogate("call", "echo", "--say", "hi", "--json", "--url", live.url)
    assert json.loads(out)["said"] == "hi"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("call", "echo", "--say"), 2, "--say needs a value"),
        (("call", "echo", "--json", "{oops"), 2, "--json"),
        (("call", "ecko", "--say", "x"), 1, "did you mean 'echo'?"),
        (("call", "refuse"), 1, "it took too long"),
    ],
)
def test_what_goes_wrong_has_its_exit_code(
    live: Live, dynogate: Command, words: tuple[str, ...], code: int, said: str
) -> None:
    """2 for the caller's words, 1 for the tool's answer; the reason on standard error."""
    ended, _, err = dynogate(*words, "--url", live.url)
    assert ended == code
    assert said in err


def test_no_gateway_has_an_exit_code_of_its_own(dynogate: Command) -> None:
    """So that scripts can tell it from a failed call."""
    assert dynogate("tools", "--url", "http://127.0.0.1:9")[0] == 3


def test_something_that_is_no_gateway_is_told_so(live: Live, dynogate: Command) -> None:
    """A JSON answer of somebody else's is not taken for ours."""
    code, _, err = dynogate("tools", "--url", f"{live.url}/health")
    assert code == 3
    assert "not as a Dynogate gateway" in err


def test_a_script_is_profiled_without_a_server(dynogate: Command, tmp_path: Path) -> None:
    """Text by default; with --save and --html it is kept and drawn as well."""
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    page = tmp_path / "flame.html"
    words = ("profile", str(script), "--cpu-only", "--save", "--data-dir", str(tmp_path / "d"))
    code, out, _ = dynogate(*words, "--html", str(page))
    assert code == 0
    assert "busy.py:5" in out
    assert "kept as " in out
    assert b"<html" in page.read_bytes().lower()


def test_a_profile_as_json_is_whole(dynogate: Command, tmp_path: Path) -> None:
    """For other programs to read; the script's own arguments follow the two dashes."""
    script = tmp_path / "busy.py"
    script.write_text(BUSY + "import sys; print(sys.argv[1:])\n")
    code, out, _ = dynogate("profile", str(script), "--cpu-only", "--json", "--", "--cpu", "x")
    assert code == 0
    result = json.loads(out)
    assert result["summary"]["outcome"] == "completed"
    assert "['--cpu', 'x']" in result["stdout"]


def test_a_script_too_short_to_sample_fails_with_advice(dynogate: Command, tmp_path: Path) -> None:
    """Never an empty success."""
    script = tmp_path / "short.py"
    script.write_text("x = 1\n")
    code, out, _ = dynogate("profile", str(script))
    assert code == 1
    assert "repeat" in out


def test_a_missing_script_is_an_error(dynogate: Command, tmp_path: Path) -> None:
    """One line, no traceback."""
    code, _, err = dynogate("profile", str(tmp_path / "none.py"))
    assert code == 1
    assert err.startswith("dynogate: ")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--host", "0.0.0.0"), "ALLOW_PUBLIC_BIND"), (("--root", "/no/such"), "not a directory")],
)
def test_serve_refuses_wrong_settings(dynogate: Command, words: tuple[str, ...], said: str) -> None:
    """Before anything is started, in one line."""
    code, _, err = dynogate("serve", *words)
    assert code == 2
    assert said in err


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_serves_until_it_is_told_to_stop(tmp_path: Path, workers: str) -> None:
    """With one process and with several; calls, metrics and a clean end."""
    with as_process(tmp_path, "--workers", workers, "--json") as live:
        assert live.call("list_profiles")["result"]["isError"] is False
        assert "dynogate_tool_calls_total" in live.get("/metrics").text
    assert live.process is not None
    assert live.process.returncode == 0
    assert live.log is not None
    lines = [json.loads(line) for line in live.log.read_text().splitlines()]
    assert any(line["event"] == "gateway ready" for line in lines)

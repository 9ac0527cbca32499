"""The examples in the docs run, and do what the text around them says."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import Live, as_process

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DEFAULT_URL = "http://127.0.0.1:8000"
BLOCK = re.compile(
    r"^```(?P<language>sh|python|javascript)\n(?P<text>.*?)^```$"
    r"(?:\n\n<!-- answers: (?P<code>-?\d+) -->)?",
    re.DOTALL | re.MULTILINE,
)
# `dynogate call` and `tools` talk to the gateway of the test.
PRELUDE = """set -eu
dynogate() {
    sub=$1; shift
    case $sub in
        call | tools) command dynogate "$sub" --url "$URL" "$@" ;;
        *) command dynogate "$sub" "$@" ;;
    esac
}
"""


@dataclass(frozen=True)
class Example:
    """A fenced block: its text, and the error code that it is said to be answered with."""

    language: str
    text: str
    code: int | None


def examples(page: Path, language: str) -> list[Example]:
    found = BLOCK.finditer(page.read_text())
    return [
        Example(block["language"], block["text"], int(block["code"]) if block["code"] else None)
        for block in found
        if block["language"] == language
    ]


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if examples(page, language)]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A gateway as the docs start it."""
    data_dir = tmp_path_factory.mktemp("docs-gateway")
    with as_process(data_dir, "--root", str(ROOT / "examples")) as live:
        yield live


def _at(gateway: Live, text: str) -> str:
    """An example with the address of the test's gateway."""
    return text.replace(DEFAULT_URL.removeprefix("http:"), gateway.url.removeprefix("http:"))


def check_answer(example: Example, answer: str) -> None:
    """A JSON-RPC answer has the code that the page promises, or succeeded."""
    decoded = json.loads(answer)
    for each in decoded if isinstance(decoded, list) else [decoded]:
        error = each.get("error")
        assert (error and error["code"]) == example.code, each


@pytest.mark.parametrize("page", pages_with("sh"), ids=lambda page: page.name)
def test_shell_examples_run(page: Path, gateway: Live, tmp_path: Path) -> None:
    """The commands of a page, one after another, in one shell."""
    found = examples(page, "sh")
    script = PRELUDE
    for number, example in enumerate(found):
        commands = _at(gateway, example.text)
        script += f"echo 'example {number}' >&2\n{{\n{commands}}} >'{tmp_path}/{number}'\n"
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
            "URL": gateway.url,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for number, example in enumerate(found):
        answer = (tmp_path / str(number)).read_text()
        assert answer.strip(), example.text
        if "/mcp/tools/call" in example.text:
            check_answer(example, answer)


@pytest.mark.parametrize("page", pages_with("python"), ids=lambda page: page.name)
def test_python_examples_run(
    page: Path,
    gateway: Live,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The blocks of a page, one after another, in one namespace."""
    monkeypatch.chdir(ROOT)
    namespace: dict[str, object] = {"url": gateway.url, "folder": str(tmp_path)}
    for example in examples(page, "python"):
        text = _at(gateway, example.text)
        exec(compile(text, page.name, "exec"), namespace)
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", pages_with("javascript"), ids=lambda page: page.name)
def test_javascript_examples_run(page: Path, gateway: Live) -> None:
    """Each block as a module of its own, in Node, which has a browser's WebSocket."""
    for example in examples(page, "javascript"):
        node = Path(sys.executable).parent / "node"
        done = subprocess.run(
            [node, "--input-type=module", "--eval", _at(gateway, example.text)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip(), example.text

"""The docs and the code say the same."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dynogate.tools.toolsets import load_registry

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
PROSE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The fragments that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", PROSE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_parts_told_from_code_are_up_to_date() -> None:
    """Settings, errors, metrics, tools and commands are described as they are."""
    command = [sys.executable, str(ROOT / "scripts" / "docs.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_tool_has_a_section() -> None:
    """A tool that no page describes under a heading of its own is not finished."""
    text = "\n".join(page.read_text() for page in PAGES)
    for tool in load_registry():
        section = f"## {tool.name}\n\n<!-- from code: tool {tool.name} -->"
        assert section in text, f"docs/ has no section for {tool.name}"


def test_every_command_has_a_section() -> None:
    """Each command of ``dynogate --help`` is on the page of the command line."""
    page = (ROOT / "docs" / "cli.md").read_text()
    told = re.search(r"command dynogate -->(.*?)<!-- end -->", page, re.DOTALL)
    assert told is not None
    commands = set(re.findall(r"^│ ([a-z]\w+) ", told[1], re.MULTILINE))
    assert commands >= {"serve", "tools", "call", "profile"}
    assert {f"## dynogate {command}" for command in commands} <= set(page.splitlines())


def test_every_script_is_described() -> None:
    """The contributor's table names every script there is, and no other."""
    described = set(
        re.findall(r"^\| `scripts/(\S+)` ", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    )
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file()}
    assert described == scripts - {"quickstart.py"}  # the second half of quickstart.sh


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Links within the repository name files and headings that are there."""
    for file, fragment in LINK.findall(PROSE.sub("", page.read_text())):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page.name} links to {file}"
        if fragment:
            assert fragment in anchors(target), f"{page.name} links to {file}#{fragment}"

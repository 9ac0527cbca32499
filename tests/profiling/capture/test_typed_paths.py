from pathlib import Path

import pytest

from dynogate.profiling.capture.typed_paths import typed_scripts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "app" / "tests").mkdir(parents=True)
    for name in ("main.py", "map.py", "notes.txt", ".hidden.py", "app/run.py"):
        (folder / name).write_text("pass\n")
    (tmp_path / "outside.py").write_text("secret = 1\n")
    (folder / "mischief.py").symlink_to(tmp_path / "outside.py")
    (folder / "beyond").symlink_to(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("", ["app/", "main.py", "map.py"]),
        ("ma", ["main.py", "map.py"]),
        ("app/", ["app/run.py", "app/tests/"]),
        ("./app/r", ["./app/run.py"]),
        (".h", [".hidden.py"]),
        ("notes", []),
        ("nowhere/x", []),
        ("a\0b/", []),
        ("x" * 5000 + "/", []),
        ("main.py/", []),
    ],
)
def test_what_is_typed_becomes_scripts_and_folders(
    root: Path, typed: str, completed: list[str]
) -> None:
    """Of the folder that it names so far, and hidden ones only where a point was typed."""
    assert typed_scripts(typed, [root]) == completed


def test_nothing_outside_the_roots_is_told(root: Path) -> None:
    """Neither by climbing out, nor by a link, nor by an absolute path."""
    assert typed_scripts("../", [root]) == []
    assert typed_scripts("mis", [root]) == []
    assert typed_scripts("beyond/", [root]) == []
    assert typed_scripts("/etc/", [root]) == []


def test_an_absolute_path_leads_to_a_root(root: Path) -> None:
    """The beginning of one becomes the root, and the root what is in it."""
    assert typed_scripts(str(root)[:-2], [root]) == [f"{root}/"]
    assert typed_scripts(f"{root}/app/r", [root]) == [f"{root}/app/run.py"]


def test_any_path_is_completed_where_any_may_be_profiled(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a notebook, from the working directory."""
    monkeypatch.chdir(root)
    assert typed_scripts("app/r", None) == ["app/run.py"]
    assert typed_scripts("../out", None) == ["../outside.py"]

"""The shell scripts are plain POSIX sh, and say what is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(
    path for path in (ROOT / "scripts").iterdir() if path.is_file() and path.suffix != ".py"
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has no .venv yet."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return tmp_path


def run(
    checkout: Path, *command: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=checkout, env={**os.environ, **(env or {})}, capture_output=True, text=True
    )


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_executable_posix_shell(script: Path) -> None:
    """Every script can be started as it is, by any POSIX shell."""
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\n#")
    subprocess.run(["sh", "-n", script], check=True)


def test_install_without_python_says_what_to_install(checkout: Path) -> None:
    """Where no fitting Python is found, the error names what was tried and what would help."""
    done = run(checkout, "scripts/install", env={"PYTHON": "python-that-is-not-there"})
    assert done.returncode == 1
    assert "Python 3.11 or later" in done.stderr
    assert "python-that-is-not-there" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_install_tells_an_old_python_from_a_missing_one(checkout: Path) -> None:
    """A Python that is there but too old is named with its version."""
    old = executable(
        checkout / "bin" / "python-old",
        '#!/bin/sh\ncase "$2" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac\n',
    )
    done = run(checkout, "scripts/install", env={"PYTHON": str(old)})
    assert f"{old} is Python 3.9.2, which is too old" in done.stderr


def test_install_tells_a_python_without_pip(checkout: Path) -> None:
    """A fitting Python that has neither pip nor ensurepip is named as such."""
    bare = executable(
        checkout / "bin" / "python-bare",
        f'#!/bin/sh\ncase "$*" in *pip*) exit 1 ;; esac\nexec {sys.executable} "$@"\n',
    )
    done = run(checkout, "scripts/install", env={"PYTHON": str(bare)})
    assert done.returncode == 1
    assert "has no venv and pip modules" in done.stderr


def test_install_refuses_unknown_arguments(checkout: Path) -> None:
    """A misspelt option installs nothing."""
    done = run(checkout, "scripts/install", "--runtmie")
    assert done.returncode == 2
    assert "usage" in done.stderr
    assert not (checkout / ".venv").exists()


def only(checkout: Path, **commands: str) -> dict[str, str]:
    """A PATH with nothing on it but ``commands`` (name, shell text) and a shell."""
    folder = checkout / "bin"
    for name, text in commands.items():
        executable(folder / name, f"#!/bin/sh\n{text}\n")
    (folder / "sh").symlink_to("/bin/sh")
    return {"PATH": str(folder)}


def test_missing_packages_are_named_where_nothing_can_install_them(checkout: Path) -> None:
    """Without apt-get, the packages are named and the script fails."""
    env = only(checkout, curl="", initdb="")
    done = run(checkout, "/bin/sh", "scripts/install-system", env=env)
    assert done.returncode == 1
    assert "Please install (names as in Debian): bubblewrap" in done.stderr


def test_missing_packages_are_named_where_root_is_needed(checkout: Path) -> None:
    """Without root and passwordless sudo, the exact command is told."""
    env = only(
        checkout, curl="", initdb="", **{"apt-get": "exit 9", "id": "echo 1000", "sudo": "exit 1"}
    )
    done = run(checkout, "/bin/sh", "scripts/install-system", env=env)
    assert done.returncode == 1
    assert "sudo apt-get install bubblewrap" in done.stderr


def test_missing_packages_are_installed_as_root(checkout: Path) -> None:
    """As root, apt-get is told to install just what is missing."""
    log = checkout / "apt.log"
    env = only(
        checkout,
        curl="",
        initdb="",
        **{"redis-server": "", "apt-get": f'echo "$@" >>{log}', "id": "echo 0"},
    )
    done = run(checkout, "/bin/sh", "scripts/install-system", env=env)
    assert done.returncode == 0, done.stderr
    asked = log.read_text().splitlines()[-1].split("--no-install-recommends ")[1].split()
    assert "bubblewrap" in asked
    assert not {"curl", "postgresql"} & set(asked)


def test_quickstart_help_comes_before_any_installation(checkout: Path) -> None:
    """``--help`` answers at once, from a checkout where nothing is installed."""
    done = run(checkout, "scripts/quickstart.sh", "--help")
    assert done.returncode == 0
    assert "--once" in done.stdout
    assert "--port" in done.stdout
    assert not (checkout / ".venv").exists()

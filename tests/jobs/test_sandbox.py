"""What a sandboxed job sees, and what it does not."""

import os
import sys
from pathlib import Path

import pytest

from dynogate.errors import ConfigurationError
from dynogate.jobs import sandbox
from dynogate.jobs.child import ChildSpec, run_child
from dynogate.jobs.sandbox import SandboxSpec, bwrap_command, sandbox_problem
from tests.jobs.conftest import RunPython


def shell(command: str, spec: SandboxSpec, cwd: Path = Path("/")) -> str:
    """What a shell command prints in a sandbox."""
    argv = ("/bin/sh", "-c", command)
    child = ChildSpec(argv=argv, cwd=cwd, env={"PATH": os.defpath}, sandbox=spec)
    result = run_child(child)
    return result.stdout + result.stderr


def test_there_is_no_network(sandboxed_python: RunPython) -> None:
    """Only its own loopback, which is up, so that programs may talk to themselves."""
    result = sandboxed_python(
        """
        import socket
        print([name for _, name in socket.if_nameindex()])
        server = socket.create_server(('127.0.0.1', 0))
        socket.create_connection(server.getsockname())
        print('connected')
        """
    )
    assert result.stdout == "['lo']\nconnected\n"


def test_other_processes_are_out_of_sight(sandboxed_python: RunPython) -> None:
    """The job is the second process of its own world; the first is the sandbox's."""
    result = sandboxed_python(
        "import os; print(sorted(int(n) for n in os.listdir('/proc') if n.isdigit()))"
    )
    assert result.stdout == "[1, 2]\n"


def test_only_named_paths_are_seen(tmp_path: Path) -> None:
    """A neighbour of a readable file is not there."""
    (tmp_path / "seen").write_text("seen")
    (tmp_path / "unseen").write_text("unseen")
    found = shell(f"ls {tmp_path}", SandboxSpec(readable=(tmp_path / "seen",)))
    assert found == "seen\n"


def test_readable_is_not_writable(tmp_path: Path) -> None:
    """Not even for root."""
    printed = shell(f"echo x > {tmp_path}/new", SandboxSpec(readable=(tmp_path,)))
    assert "Read-only file system" in printed
    assert list(tmp_path.iterdir()) == []


def test_a_writable_folder_inside_a_readable_one(tmp_path: Path) -> None:
    """The deeper path decides, in whatever order they are given."""
    out = tmp_path / "out"
    out.mkdir()
    shell(
        f"echo x > {out}/new; echo x > {tmp_path}/new",
        SandboxSpec(readable=(tmp_path,), writable=(out,)),
    )
    assert [path.name for path in tmp_path.rglob("new")] == ["new"]
    assert (out / "new").exists()


def test_a_readable_root_keeps_its_own_tmp(tmp_path: Path) -> None:
    """Even where everything may be read, /tmp, /proc and /dev are the sandbox's."""
    printed = shell("ls /tmp; ls /", SandboxSpec(readable=(Path("/"),)))
    assert tmp_path.name not in printed
    assert "usr" in printed


def test_the_machine_s_tmp_can_be_asked_for(tmp_path: Path) -> None:
    """Then its files are no memory of the job's."""
    spec = SandboxSpec(readable=(Path("/tmp"),))
    assert sandbox.memory_folders(spec) == ["/dev"]
    assert sandbox.memory_folders(SandboxSpec()) == ["/dev", "/tmp"]


def test_devices_are_passed_on(tmp_path: Path) -> None:
    """A device that is asked for can be used as one; otherwise it is not there."""
    device = tmp_path / "device"  # every machine has this one, under a name no sandbox shows
    device.symlink_to("/dev/null")
    use = f"echo lost > {device} && test -c {device} && echo yes"
    assert shell(use, SandboxSpec(devices=(device,))) == "yes\n"
    assert shell(f"test -e {device} && echo yes", SandboxSpec()) == ""
    assert "yes" not in shell(use, SandboxSpec(readable=(device,)))


def test_no_capability_is_left(sandboxed_python: RunPython) -> None:
    """Root outside is nobody special inside."""
    result = sandboxed_python("print([l for l in open('/proc/self/status') if 'CapEff' in l])")
    assert "0000000000000000" in result.stdout


def test_the_environment_is_not_to_be_read_by_others(sandboxed_python: RunPython) -> None:
    """It may hold secrets, and command lines are public: bubblewrap gets it another way."""
    seen: list[str] = []
    sandboxed_python(
        "import time; time.sleep(0.3)",
        on_start=lambda _: seen.extend(
            path.read_text() for path in Path("/proc").glob("[0-9]*/cmdline") if _is_bwrap(path)
        ),
    )
    assert seen
    assert not [line for line in seen if os.defpath in line]


def _is_bwrap(cmdline: Path) -> bool:
    try:
        return cmdline.with_name("comm").read_text() == "bwrap\n"
    except OSError:
        return False


def test_a_path_that_does_not_exist_is_named() -> None:
    """Better than to fail later for a reason nobody understands."""
    with pytest.raises(ConfigurationError, match="'/no/such', wanted in the sandbox"):
        bwrap_command(SandboxSpec(readable=(Path("/no/such"),)), cwd=Path("/"), env={})


def test_no_bubblewrap_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names what is to be installed."""
    monkeypatch.setenv("PATH", "/nonexistent")
    assert sandbox_problem.__wrapped__() == "bubblewrap (the command bwrap) is not installed"


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo 'no namespaces' >&2; exit 1", "no namespaces"), ("", "Exec format error")],
)
def test_a_bubblewrap_that_does_not_work_is_quoted(
    script: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many containers forbid namespaces; the reason is bubblewrap's own."""
    bwrap = tmp_path / "bwrap"
    bwrap.write_text(f"#!/bin/sh\n{script}" if script else "\0")
    bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    problem = sandbox_problem.__wrapped__()
    assert problem is not None
    assert problem.startswith("bubblewrap does not work here: ")
    assert said in problem


def test_this_machine_has_a_sandbox() -> None:
    """Asked twice, it answers from memory."""
    assert sandbox_problem() is None
    assert sandbox_problem.cache_info().currsize == 1


def test_a_virtual_environment_s_links_work(sandboxed_python: RunPython) -> None:
    """The interpreter of a venv is a link to another folder."""
    assert sandboxed_python("import sys; print(sys.executable)").stdout == f"{sys.executable}\n"

"""Temporary folders."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dynogate.errors import StoreUnavailable
from dynogate.jobs import scratch
from dynogate.jobs.scratch import check_room, remove_tree, scratch_dir


def test_it_is_private_and_goes_away() -> None:
    """Nobody else may look in, and nothing of it stays."""
    with scratch_dir() as path:
        assert path.stat().st_mode & 0o777 == 0o700
        (path / "deep" / "er").mkdir(parents=True)
        (path / "deep" / "er" / "file").touch()
    assert not path.exists()


def test_it_goes_away_after_an_error() -> None:
    """Whatever happens in the block."""
    with pytest.raises(LookupError), scratch_dir() as path:
        raise LookupError
    assert not path.exists()


def test_a_job_may_have_deleted_it() -> None:
    """Then there is nothing to do."""
    with scratch_dir() as path:
        path.rmdir()
    assert not path.exists()


def test_a_link_in_its_place_goes_but_not_its_target(tmp_path: Path) -> None:
    """A job must not make us delete something else."""
    (tmp_path / "precious").touch()
    with scratch_dir() as path:
        path.rmdir()
        path.symlink_to(tmp_path)
    assert not path.is_symlink()
    assert (tmp_path / "precious").exists()


def test_a_link_inside_goes_but_not_its_target(tmp_path: Path) -> None:
    """Nor change the permissions of something else."""
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o755)
    with scratch_dir() as path:
        (path / "link").symlink_to(precious)
    assert precious.stat().st_mode & 0o777 == 0o755


def test_a_file_in_its_place_goes() -> None:
    """A job may have replaced the folder."""
    with scratch_dir() as path:
        path.rmdir()
        path.touch()
    assert not path.exists()


def test_permissions_do_not_protect_it(tmp_path: Path) -> None:
    """Seen as a user whom permissions bind, which root is not."""
    top = tmp_path / "top"
    (top / "closed" / "inner").mkdir(parents=True)
    (top / "closed" / "inner" / "file").touch()
    (top / "closed" / "inner").chmod(0)
    (top / "closed").chmod(0)
    top.chmod(0)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if os.getuid() == 0:
                for path in (tmp_path, top, top / "closed", top / "closed/inner"):
                    os.chown(path, 65534, 65534)
                os.chown(top / "closed/inner/file", 65534, 65534)
                # pytest's own folders above are root's: go in first, then give root up.
                os.chdir(tmp_path)
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            else:
                os.chdir(tmp_path)
            remove_tree(Path("top"))
            status = int(os.path.lexists("top"))
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_what_a_killed_process_left_goes_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``kill -9`` leaves the folder; the next process that needs one removes it, and only it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = (
        "import os\nfrom dynogate.jobs.scratch import scratch_dir\n"
        "with scratch_dir() as path: os.kill(os.getpid(), 9)"
    )
    subprocess.run(
        [sys.executable, "-c", source], env={**os.environ, "TMPDIR": str(tmp_path)}, check=False
    )
    assert len(list(tmp_path.iterdir())) == 1
    foreign = tmp_path / "dynogate-of-somebody"
    foreign.mkdir()
    with scratch_dir() as alive:
        scratch._remove_abandoned.cache_clear()
        with scratch_dir() as second:
            assert set(tmp_path.iterdir()) == {foreign, alive, second}


def test_room_for_jobs_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is full, or not there, is told before a job finds out."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    check_room()
    monkeypatch.setattr("dynogate.jobs.scratch._ROOM", 1 << 60)
    with pytest.raises(StoreUnavailable, match="MB left"):
        check_room()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(StoreUnavailable, match="TMPDIR"):
        check_room()

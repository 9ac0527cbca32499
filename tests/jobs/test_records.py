"""Who owns a job."""

import os
import subprocess
import sys

from dynogate.jobs.records import owner_is_alive, this_owner


def test_this_process_is_alive() -> None:
    """Its owner string names the host and the pid."""
    owner = this_owner()
    assert owner.split(":")[1] == str(os.getpid())
    assert owner_is_alive(owner)


def test_a_dead_process_is_not() -> None:
    """Its pid is free again."""
    source = "from dynogate.jobs.records import this_owner; print(this_owner())"
    owner = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    assert owner_is_alive(owner.stdout.strip()) is False


def test_a_reused_pid_is_another_owner() -> None:
    """After a restart in a container the gateway often has the pid it had before."""
    assert owner_is_alive(this_owner() + "0") is False


def test_of_a_process_of_another_host_nobody_knows() -> None:
    """It cannot be seen from here, and its jobs may well run."""
    assert owner_is_alive("elsewhere:1:abc.1") is None


def test_nonsense_of_this_host_is_dead() -> None:
    """What no gateway wrote belongs to nobody."""
    assert owner_is_alive(this_owner().split(":")[0] + ":x:y") is False

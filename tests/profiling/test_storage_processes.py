"""Several processes on one store, and one killed in the middle of its work."""

import signal
import subprocess
import sys
from pathlib import Path

from dynogate.profiling.storage import ProfileStorage
from dynogate.store.database import Database
from tests.profiles import sample_profile

ROOT = Path(__file__).parents[2]

STORE_IN_A_LOOP = """
import sys
from dynogate.profiling.storage import ProfileStorage
from dynogate.store.database import Database
from tests.profiles import sample_profile, sample_raw

storage = ProfileStorage(database=Database(sys.argv[1]))
profile = sample_profile(tags=("loop",), raw=sample_raw(500))
while True:
    print(storage.store(profile), flush=True)
"""

STORE_AND_READ = """
import sys
from dynogate.profiling.storage import ProfileStorage
from dynogate.store.database import Database
from tests.profiles import sample_profile

storage = ProfileStorage(15, database=Database(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(10):
    profile_id = storage.store(sample_profile(tags=(sys.argv[2],)))
    assert storage.get(profile_id) is not None or storage.count() == 15
    for stored in storage.list(limit=5).profiles:
        storage.get(stored.profile_id)
print("done")
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_kill_9_loses_no_acknowledged_profile(store_url: str) -> None:
    """What was said to be stored is there, opens, and is counted; nothing is half there."""
    child = start(STORE_IN_A_LOOP, store_url)
    assert child.stdout is not None
    acknowledged = [child.stdout.readline().strip() for _ in range(50)]
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate()
    # A last line may be cut where the kill fell into its writing.
    acknowledged += [line.strip() for line in rest.splitlines(keepends=True) if line.endswith("\n")]

    database = Database(store_url)
    storage = ProfileStorage(database=database)
    opened = [storage.get(profile_id) for profile_id in acknowledged]
    assert [profile and profile.tags for profile in opened] == [("loop",)] * len(acknowledged)
    assert all(storage.raw(profile_id) for profile_id in acknowledged)
    listed = [stored.profile_id for stored in storage.list(limit=1000).profiles]
    assert set(acknowledged) <= set(listed)
    assert all(storage.get(profile_id) is not None for profile_id in listed)
    assert storage.count() == len(listed)
    database.close()


def test_processes_store_and_read_at_once(store_url: str) -> None:
    """With retention at work; none sees an error, and the totals stay right."""
    children = [start(STORE_AND_READ, store_url, f"worker-{number}") for number in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=120) for child in children]
    assert [output for output, _ in said] == ["done\n"] * 3, said

    database = Database(store_url)
    storage = ProfileStorage(database=database)
    stored = storage.list(limit=1000).profiles
    assert len(stored) == storage.count() == 15
    assert sum(profile.stored_bytes for profile in stored) == storage.size_bytes()
    database.close()


def test_what_one_process_stores_another_finds_at_once(store_url: str) -> None:
    """Durable means visible, too."""
    database = Database(store_url)
    storage = ProfileStorage(database=database)
    profile_id = storage.store(sample_profile())
    script = (
        "import sys\n"
        "from dynogate.profiling.storage import ProfileStorage\n"
        "from dynogate.store.database import Database\n"
        "profile = ProfileStorage(database=Database(sys.argv[1])).get(sys.argv[2])\n"
        "print(profile.target.name)"
    )
    said, error = start(script, store_url, profile_id).communicate(timeout=60)
    assert said == "/srv/app/slow.py\n", error
    database.close()

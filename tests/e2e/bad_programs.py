"""Programs nobody wants to run, and what a caller is told about each.

``python -m tests.e2e`` prints the table of every row.
"""

from dataclasses import dataclass, field

FORKS = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
end = time.time() + 0.6
while time.time() < end: sum(range(1000))
"""

ESCAPES = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
end = time.time() + 0.6
while time.time() < end: sum(range(1000))
"""

PRINTS = """
line = "x" * 1023 + "\\n"
for _ in range(1024 * 1024):
    print(line, end="")
"""

READS = """
import sys
data = sys.stdin.read()
end = __import__("time").time() + 0.5
while __import__("time").time() < end: sum(range(1000))
print("read", len(data))
"""

IGNORES = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True: sum(range(1000))
"""

ALLOCATES = """
kept = []
while True: kept.append(bytearray(8 << 20))
"""

DELETES = """
import os, shutil, time
shutil.rmtree(os.getcwd(), ignore_errors=True)
end = time.time() + 0.5
while time.time() < end: sum(range(1000))
"""

SPINS = """
def spin():
    while True:
        sum(range(1000))
spin()
"""

RAISES = """
def spin(n):
    t = 0
    for i in range(n):
        t += i * i % 7
    return t

spin(4_000_000)
raise KeyError("gone")
"""

EXITS = """
import sys
t = 0
for i in range(4_000_000):
    t += i * i % 7
sys.exit(3)
"""

SEGFAULTS = """
import ctypes
t = 0
for i in range(2_000_000):
    t += i * i % 7
ctypes.string_at(0)
"""


@dataclass(frozen=True)
class Row:
    """One bad program or argument.

    Attributes:
        files: what lies in the root before the call; text or bytes by name.
        arguments: of ``profile_script``; ``{root}`` stands for the root.
        status, code: of the answer; code None means a result.
        outcome: of the profile, where there is a result; several where timing may decide.
        says: a part of the error's message or of the result's text.
    """

    name: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    arguments: dict[str, object] = field(default_factory=dict)
    tool: str = "profile_script"
    status: int = 200
    code: int | None = None
    outcome: tuple[str, ...] = ()
    says: str = ""


def _program(name: str, text: str, outcome: str, says: str = "", **arguments: object) -> Row:
    path = f"{name.replace(' ', '_')}/program.py"
    return Row(
        name,
        {path: text},
        {"script_path": "{root}/" + path, "cpu_only": True, **arguments},
        outcome=tuple(outcome.split("|")),
        says=says,
    )


ROWS = [
    Row("unknown tool", tool="profile_scrip", status=404, code=-32601, says="profile_script"),
    Row("unknown profile id", tool="get_cpu_hotspots", arguments={"profile_id": "prof_nope"},
        status=404, code=1404, says="list_profiles"),
    Row("missing argument", status=400, code=-32602, says="'script_path' is missing"),
    Row("extra argument", arguments={"script_path": "x.py", "scrpt": 1}, status=400, code=-32602,
        says="unknown argument 'scrpt'"),
    Row("wrong type", arguments={"script_path": 7}, status=400, code=-32602,
        says="'script_path'"),
    Row("path outside roots", arguments={"script_path": "/etc/passwd"}, status=403, code=1403,
        says="outside the allowed roots"),
    Row("link out of the roots", arguments={"script_path": "{root}/link.py"}, status=403,
        code=1403, says="outside the allowed roots"),
    Row("missing script", arguments={"script_path": "{root}/none.py"}, status=404, code=1406,
        says="none.py"),
    Row("syntax error", {"bad.py": "def f(:\n    pass\n"}, {"script_path": "{root}/bad.py"},
        status=422, code=1422, says="bad.py:1"),
    Row("binary file", {"bin.py": b"\x7fELF\x00\x01\x02" * 50}, {"script_path": "{root}/bin.py"},
        status=422, code=1422, says="bin.py"),
    Row("directory", {"folder.py/x.txt": ""}, {"script_path": "{root}/folder.py"},
        status=422, code=1422, says="directory"),
    _program("forks", FORKS, "completed"),
    _program("double fork with setsid", ESCAPES, "completed"),
    _program("prints 1 GB", PRINTS, "completed|timed_out", timeout_seconds=20),
    _program("reads stdin", READS, "completed"),
    _program("ignores SIGTERM", IGNORES, "timed_out", "time", timeout_seconds=2),
    _program("allocates without end", ALLOCATES, "limit_exceeded", "memory", timeout_seconds=60),
    _program("deletes its working directory", DELETES, "completed|failed"),
    _program("runs for ever", SPINS, "timed_out", "program.py", timeout_seconds=2),
    _program("raises", RAISES, "failed", "KeyError"),
    _program("exits with 3", EXITS, "failed", "3"),
    _program("segfaults", SEGFAULTS, "crashed"),
]  # fmt: skip

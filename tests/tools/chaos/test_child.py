"""The child process that experiments run in, with small programs in the place of ``chaos/``."""

import json
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dynogate.errors import ToolCancelled, ToolError, ToolTimedOut
from dynogate.jobs.cancel import CancelToken
from dynogate.jobs.limits import Limits
from dynogate.tools.chaos import child
from dynogate.tools.chaos.child import list_experiments, run_experiment

LIMITS = Limits(timeout_sec=20, grace_sec=0.2)

WAITS = """
    import pathlib, signal, sys, time
    def roll_back(*_):
        pathlib.Path("rolled-back").touch()
        sys.exit(1)
    signal.signal(signal.SIGTERM, roll_back)
    pathlib.Path("broken").touch()
    time.sleep(60)
"""
IGNORES = """
    import pathlib, signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path("broken").touch()
    time.sleep(60)
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a checkout whose ``python -m chaos`` is the text."""

    def write(text: str) -> Path:
        (tmp_path / "chaos").mkdir()
        (tmp_path / "chaos" / "__main__.py").write_text(textwrap.dedent(text))
        return tmp_path

    return write


def run(root: Path, limits: Limits = LIMITS, cancel: CancelToken | None = None) -> bytes:
    return run_experiment(
        "some-experiment",
        root=root,
        limits=limits,
        cancel=cancel or CancelToken(),
        on_tick=lambda _: None,
    )


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_report_is_a_result_whatever_the_verdict(
    program: Callable[[str], Path], status: int
) -> None:
    """Green, red, and not run to its end; the child was asked for that experiment alone."""
    root = program(f"""
        import json, sys
        *words, file = sys.argv[1:]
        open(file, "w").write(json.dumps(words))
        sys.exit({status})
    """)
    assert json.loads(run(root)) == ["run", "some-experiment", "--json"]


def test_what_went_wrong_is_told(program: Callable[[str], Path]) -> None:
    """In the child's own words."""
    root = program("import sys; sys.exit('redis-server is not installed')")
    with pytest.raises(ToolError, match=r"exit status 1.*redis-server is not installed"):
        run(root)


def test_settings_of_the_gateway_do_not_reach_it(
    program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its gateways have their own; no URL or credential of ours is theirs."""
    monkeypatch.setenv("DYNOGATE_DATABASE_URL", "postgresql://secret@production")
    root = program("import json, os, sys; json.dump(dict(os.environ), open(sys.argv[-1], 'w'))")
    assert "secret" not in run(root).decode()


def test_an_experiment_that_is_cancelled_rolls_back(program: Callable[[str], Path]) -> None:
    """It is asked to stop, and given the time to."""
    root, cancel = program(WAITS), CancelToken()
    threading.Thread(target=cancel_once_broken, args=(root, cancel)).start()
    with pytest.raises(ToolCancelled, match="some-experiment"):
        run(root, cancel=cancel)
    assert (root / "rolled-back").exists()


def test_an_experiment_that_takes_too_long_rolls_back(program: Callable[[str], Path]) -> None:
    """The limit is that of jobs."""
    root = program(WAITS)
    with pytest.raises(ToolTimedOut, match="DYNOGATE_JOB_TIMEOUT_SEC"):
        run(root, Limits(timeout_sec=1.0))
    assert (root / "rolled-back").exists()


def test_an_experiment_that_does_not_roll_back_is_killed(
    program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while, with its whole tree."""
    monkeypatch.setattr(child, "ROLLBACK_SEC", 0.5)
    root, cancel = program(IGNORES), CancelToken()
    threading.Thread(target=cancel_once_broken, args=(root, cancel)).start()
    began = time.monotonic()
    with pytest.raises(ToolCancelled):
        run(root, cancel=cancel)
    assert time.monotonic() - began < 15


def test_an_endless_report_is_refused(
    program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never read into memory."""
    monkeypatch.setattr(child, "MAX_REPORT_BYTES", 1000)
    root = program("import sys; open(sys.argv[-1], 'w').write('x' * 1001)")
    with pytest.raises(ToolError, match="larger than"):
        run(root)


def test_a_list_that_fails_says_why(program: Callable[[str], Path]) -> None:
    """A misspelt experiment, say."""
    root = program("import sys; sys.exit('experiment x has no rollbacks')")
    with pytest.raises(ToolError, match=r"cannot be listed.*no rollbacks"):
        list_experiments(root, CancelToken())


def cancel_once_broken(root: Path, cancel: CancelToken) -> None:
    deadline = time.monotonic() + 15
    while not (root / "broken").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    cancel.cancel("somebody asked")

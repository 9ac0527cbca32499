import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys
from dynogate.telemetry.logs import configure, get_logger
configure("info", sys.argv[1])
log = get_logger("here")
log.info("said", answer=42)
log.debug("never said")
logging.getLogger("uvicorn.error").warning("from uvicorn")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
"""


def logged(log_format: str) -> str:
    command = [sys.executable, "-c", PROGRAM, log_format]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


@pytest.mark.parametrize("log_format", ["json", "auto"])
def test_logs_are_json_lines_where_nobody_looks(log_format: str) -> None:
    """Ours and uvicorn's alike, with time, level and logger; below the level nothing."""
    lines = [json.loads(line) for line in logged(log_format).splitlines()]
    assert [line["event"] for line in lines] == ["said", "from uvicorn", "failed"]
    assert lines[0]["answer"] == 42
    assert lines[0]["level"] == "info"
    assert lines[0]["logger"] == "here"
    assert lines[0]["timestamp"].endswith("Z")
    assert "ZeroDivisionError" in lines[2]["exception"]


def test_logs_are_for_people_on_a_console() -> None:
    """A readable line instead of JSON."""
    first = logged("console").splitlines()[0]
    assert "said" in first
    assert not first.startswith("{")

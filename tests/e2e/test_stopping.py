from pathlib import Path

import pytest

from tests.e2e.stopping import LONG, run


@pytest.mark.parametrize("workers", [1, 2])
def test_no_call_is_lost_when_the_gateway_stops_under_load(tmp_path: Path, workers: int) -> None:
    """What was in flight is answered; what was not executed may be sent again; it ends cleanly."""
    account = run(tmp_path, workers)
    assert len(account.in_flight) >= LONG
    assert account.lost == set()
    assert {n: account.fate.get(n) for n in account.in_doubt} == {}
    assert {account.fate[number] for number in account.in_flight} == {"answered"}
    assert "refused" in account.fate.values()
    assert account.ready[-1] == 503
    assert account.exit_code == 0
    assert account.seconds < 8

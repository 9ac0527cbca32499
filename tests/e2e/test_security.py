from collections.abc import Iterator

import pytest

from tests.e2e.attacks import Attack
from tests.e2e.security import ROOM_MB, attacks, is_unharmed, settled
from tests.e2e.target import Figures, Target, target

ATTACKS = attacks()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("data")) as attacked:
        yield attacked


@pytest.fixture(scope="module")
def at_first(attacked: Target) -> Figures:
    return attacked.figures()


@pytest.mark.parametrize("attack", ATTACKS, ids=[f"{each.way}: {each.name}" for each in ATTACKS])
def test_an_attack_gets_what_the_specification_says(
    attacked: Target, at_first: Figures, attack: Attack
) -> None:
    """And leaves the process as it was: memory, open files and tasks."""
    before = attacked.figures()
    assert attack.send(attacked) in attack.expected
    after = settled(attacked, before)
    assert is_unharmed(before, after), (before, after)
    assert after.rss_mb <= at_first.rss_mb + ROOM_MB


def test_no_attack_made_the_gateway_fail(attacked: Target) -> None:
    """No fault of ours in its log, after all of them, and good calls are served."""
    assert attacked.live.log is not None
    log = attacked.live.log.read_text()
    assert "Traceback" not in log
    assert "Exception" not in log
    body = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"say": "x"}}
    answer = attacked.live.post(body, authorization=f"Bearer {attacked.key}")
    assert answer.status_code == 200

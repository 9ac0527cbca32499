import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from dynogate.errors import Busy, ClientGone, Unauthenticated
from dynogate.transports import presence
from dynogate.transports.presence import Presence


class Connection:
    """A client that stays until ``gone`` is set, and whose credential is as ``problem`` says."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.gone = asyncio.Event()
        self.problem = problem
        self.looks = 0
        self.sent: list[MutableMapping[str, Any]] = []

    async def receive(self) -> MutableMapping[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)

    async def identify(self) -> None:
        self.looks += 1
        if self.looks == 3:
            self.gone.set()
        if self.problem is not None:
            raise self.problem

    def presence(self) -> Presence:
        return Presence(self.receive, self.send, self.identify)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LOOK_SEC", 0.01)


async def test_work_is_done_while_the_client_is_there() -> None:
    """And its result is given."""
    assert await Connection().presence().during(asyncio.sleep(0, "done")) == "done"


@pytest.mark.parametrize("problem", [None, Busy("later", retry_after=1.0)])
async def test_work_ends_when_the_client_hangs_up(problem: Exception | None) -> None:
    """Until then the credential is looked at; that it cannot be, sends nobody away."""
    connection = Connection(problem)
    with pytest.raises(ClientGone):
        await connection.presence().during(asyncio.sleep(60))
    assert (connection.looks, connection.sent) == (3, [])


async def test_an_answer_ends_where_the_credential_is_no_longer_good() -> None:
    """Cleanly, so that the client sees that it is over."""
    connection = Connection(Unauthenticated("revoked"))
    there = connection.presence()
    await there.send({"type": "http.response.start"})
    with pytest.raises(ClientGone):
        await there.during(asyncio.sleep(60))
    assert connection.looks == 1
    assert connection.sent[1:] == [{"type": "http.response.body", "body": b"", "more_body": False}]


async def test_who_was_not_answered_yet_is_told_why() -> None:
    """By the error that the guards raise."""
    connection = Connection(Unauthenticated("revoked"))
    with pytest.raises(Unauthenticated):
        await connection.presence().during(asyncio.sleep(60))
    assert not connection.sent

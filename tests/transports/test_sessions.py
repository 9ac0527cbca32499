import gc
import tracemalloc

import pytest

from dynogate.errors import Busy, UnknownSession
from dynogate.transports import sessions
from dynogate.transports.sessions import SessionTable


def table(*, limit: int = 10, limit_each: int = 10, idle_sec: float = 60.0) -> SessionTable:
    return SessionTable("w", limit=limit, limit_each=limit_each, idle_sec=idle_sec)


def test_a_session_is_its_principals() -> None:
    """Whoever else shows its id is told that there is none."""
    sessions = table()
    session = sessions.create("alice")
    assert sessions.find(session.id, "alice") is session
    with pytest.raises(UnknownSession):
        sessions.find(session.id, "mallory")


def test_the_oldest_idle_session_of_a_principal_makes_room() -> None:
    """Never one that is used, and never somebody else's."""
    found = table(limit_each=2)
    other = found.create("bob")
    first, second = found.create("alice"), found.create("alice")
    first.busy = 1
    third = found.create("alice")
    assert found.find(first.id, "alice")
    assert found.find(third.id, "alice")
    assert found.find(other.id, "bob")
    with pytest.raises(UnknownSession):
        found.find(second.id, "alice")


def test_a_full_table_refuses_who_has_none_to_give() -> None:
    """With when to come back."""
    found = table(limit=1)
    found.create("alice")
    with pytest.raises(Busy):
        found.create("bob")


def test_what_was_not_used_for_long_ends() -> None:
    """What is in use stays, however long ago it began."""
    found = table(idle_sec=100.0)
    idle, used, busy = (found.create("alice") for _ in range(3))
    for session in (idle, used, busy):
        session.used -= 200.0
    busy.busy = 1
    found.find(used.id, "alice")
    found.sweep()
    assert len(found) == 2
    with pytest.raises(UnknownSession):
        found.find(idle.id, "alice")


def test_ended_streams_are_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first; those of a session that ends, with it."""
    monkeypatch.setattr(sessions, "KEPT_BYTES", 2 * (100 + 2**11) + 50)
    found = table()
    session = found.create("alice")
    streams = [session.new_stream() for _ in range(3)]
    for stream in streams:
        stream.put(b"x" * 100)
        stream.end()
        found.keep(session, stream)
    assert list(session.streams) == streams[1:]
    found.end(session)
    another = found.create("alice")
    for stream in (another.new_stream(), another.new_stream()):
        stream.put(b"x" * 100)
        found.keep(another, stream)
    assert len(list(another.streams)) == 2


def test_nothing_is_kept_of_a_session_that_has_ended() -> None:
    """A call that ends after its session leaves nothing behind."""
    found = table()
    session = found.create("alice")
    stream = session.new_stream()
    found.end(session)
    found.keep(session, stream)
    assert not found._kept


def test_a_thousand_idle_sessions_are_small_and_given_back() -> None:
    """Well under 60 MB, and nothing of them stays."""
    found = table(limit=1000, limit_each=1000)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = [found.create("alice") for _ in range(1000)]
        grown = tracemalloc.get_traced_memory()[0] - before
        for session in made:
            found.end(session)
        del made, session
        gc.collect()
        left = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert (grown < 10e6, left < 1e5) == (True, True), (grown, left)

"""A PostgreSQL server that is waited for so long, and no longer, and left alone while it is down.

Neither libpq nor psycopg bounds that wait. Where what is sent gets lost and the TCP connection goes
on (a stopped server, a proxy that lost its way), a query would wait for ever, and its thread with
it; ``tcp_user_timeout`` sees only a machine that no longer answers at all.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dynogate.resilience.breaker import OnChange
from dynogate.resilience.names import addresses
from dynogate.resilience.policy import Policy
from dynogate.resilience.retry import retry

T = TypeVar("T")

_LOOK_EVERY_SEC = 0.1
# Classes of SQLSTATE that say that the server, not the statement, is at fault: connection
# exception, insufficient resources, operator intervention (PostgreSQL's manual, appendix A).
_SERVER_IS_DOWN = ("08", "53", "57")
_CANCELED = "57014"


class Patience(threading.local):
    """How long this thread waits for the server: for each answer, or for several together.

    Args:
        seconds: for each answer.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    @contextmanager
    def together(self, seconds: float | None = None) -> Iterator[None]:
        """Wait for everything in this block together for ``seconds``; default: as for one."""
        before, self._until = self._until, time.monotonic() + (seconds or self._seconds)
        try:
            yield
        finally:
            self._until = before

    def left(self) -> float:
        """Seconds to wait for the next answer.

        Raises:
            OperationalError: none.
        """
        if self._until is None:
            return self._seconds
        left = self._until - time.monotonic()
        if left <= 0:
            raise _no_answer()
        return left


class _Connection(psycopg.Connection[Any]):
    patience: Patience | None = None

    def wait(
        self, gen: PQGen[T], interval: float = _LOOK_EVERY_SEC, timeout: float | None = None
    ) -> T:
        if self.patience is None:
            return super().wait(gen, interval, timeout)
        began, left = time.monotonic(), self.patience.left()
        try:
            return super().wait(gen, interval, left)
        except psycopg.OperationalError:
            if time.monotonic() - began < left:
                raise
            # Nobody knows what it would answer next: SQLAlchemy drops what is closed.
            self.close()
            raise _no_answer() from None


class Server:
    """One server, whose connections come from ``engine``.

    Args:
        policy: longest wait for an answer, and what becomes of a server that is down.
        on_change: told whenever its circuit opens or closes.

    Attributes:
        breaker: counts transactions that failed because the server is down.
        patience: of the connections.
    """

    def __init__(self, engine: Engine, policy: Policy, on_change: OnChange | None) -> None:
        self.breaker = policy.breaker("store", _is_down, on_change)
        self.patience = Patience(policy.timeout_sec)
        be_patient(engine, self.patience)
        self._connect = retry(policy.backoff(_is_away))(engine.connect)

    def connect(self) -> Connection:
        """A connection of the pool that answers, or a new one; tried again within the same time."""
        with self.patience.together():
            return self._connect()


def be_patient(engine: Engine, patience: Patience) -> None:
    """Let the connections of ``engine`` have this patience."""

    def connect(_dialect: object, _record: object, args: list[Any], more: dict[str, Any]) -> Any:
        _look_up(more.get("host"), patience.left())
        # Whole seconds, and psycopg takes fewer than two for two.
        connection = _Connection.connect(
            *args, **{**more, "connect_timeout": math.ceil(patience.left())}
        )
        connection.patience = patience
        return connection

    event.listen(engine, "do_connect", connect)


def _look_up(hosts: str | None, timeout_sec: float) -> None:
    """See that the names of the servers can be found at all, which libpq would wait for."""
    for host in (hosts or "").split(","):
        if host and not host.startswith("/"):  # a directory of sockets
            try:
                addresses(host, timeout_sec)
            except OSError as error:
                raise psycopg.OperationalError(f"no connection: {error}") from error


def _is_away(error: Exception) -> bool:
    """Whether no connection could be had; all of them in use has been waited for already."""
    return isinstance(error, OperationalError) and _is_down(error)


def _is_down(error: Exception) -> bool:
    """Whether the server is, rather than the statement being at fault."""
    if isinstance(error, PoolTimeout):
        return True  # every connection hangs
    if not isinstance(error, DBAPIError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or state is None:
        return isinstance(error, OperationalError)
    return state.startswith(_SERVER_IS_DOWN) and state != _CANCELED


def _no_answer() -> psycopg.OperationalError:
    return psycopg.OperationalError("the connection is given up: no answer in time")

"""A PostgreSQL server as the store asks it: for a bounded time, and not while it is down."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from psycopg import Connection as PsycopgConnection
from psycopg import OperationalError as PsycopgError
from psycopg.abc import PQGen
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dynogate.resilience.breaker import OnChange
from dynogate.resilience.policy import Policy
from dynogate.resilience.retry import retry

# Classes of SQLSTATE that say that the server, not the statement, is at fault: connection
# exception, insufficient resources, operator intervention (PostgreSQL's manual, appendix A).
_SERVER_IS_DOWN = ("08", "53", "57")
_CANCELED = "57014"
_LOOK_SEC = 0.1

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


class Server:
    """One server, whose connections come from ``engine``.

    A server that takes connections and answers nothing, as one behind a proxy or a broken link
    does, would hold a thread for ever: libpq has no timeout for an answer.

    Args:
        policy: longest that a transaction may take, and what becomes of a server that is down.
        on_change: told whenever its circuit opens or closes.

    Attributes:
        breaker: counts transactions that failed because the server is down.
    """

    def __init__(self, engine: Engine, policy: Policy, on_change: OnChange | None) -> None:
        self.breaker = policy.breaker("store", _is_down, on_change)
        self._timeout_sec = policy.timeout_sec
        self._connect = retry(policy.backoff(_is_away))(engine.connect)
        event.listen(engine, "do_connect", _open)

    @contextmanager
    def connection(self, *, patient: bool = False) -> Iterator[Connection]:
        """A connection for one transaction.

        Args:
            patient: whether the transaction may take any time.

        Raises:
            CircuitOpen: the server has kept failing and is not asked now.
            SQLAlchemyError: what the server, or the pool of connections, has to say.
        """
        with self.breaker.guarding():
            before = _ends_at.get()
            _ends_at.set(math.inf if patient else time.monotonic() + self._timeout_sec)
            try:
                with self._connect() as connection:
                    yield connection
            finally:
                _ends_at.set(before)


class _BoundedConnection(PsycopgConnection[Any]):
    """Does not wait for an answer beyond the end of the transaction's time."""

    def wait(
        self, gen: PQGen[Any], interval: float = _LOOK_SEC, timeout: float | None = None
    ) -> Any:
        ends_at = _ends_at.get()
        if ends_at == math.inf:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(ends_at - time.monotonic(), 0.001))
        except PsycopgError:
            if time.monotonic() < ends_at or self.closed:
                raise
            self.close()  # its answer may still come, and would be taken for another's
            raise PsycopgError("the connection gave no answer in time") from None


def _open(_dialect: object, _record: object, arguments: Any, parameters: dict[str, Any]) -> Any:
    left = _ends_at.get() - time.monotonic()
    if left <= 0:
        raise PsycopgError("no time left to open a connection")
    if left < math.inf:
        parameters = {**parameters, "connect_timeout": math.ceil(left)}
    return _BoundedConnection.connect(*arguments, **parameters)


def _is_away(error: Exception) -> bool:
    """Whether no connection could be had."""
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

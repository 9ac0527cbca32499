"""The requests of one client that are being served now, so that it can cancel them."""

import asyncio
from collections.abc import Iterator

import msgspec

from dynogate.errors import Busy, InvalidRequest
from dynogate.wire.jsonrpc import Raw
from dynogate.wire.mcp import Message, read_id


class _Cancelled(msgspec.Struct, rename="camel"):
    request_id: Raw


class Running:
    """Requests by id, as tasks.

    Args:
        limit: how many a client may have at once.
    """

    __slots__ = ("_limit", "_tasks")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tasks: dict[object, asyncio.Task[object]] = {}

    def add(self, request_id: Raw | None, task: asyncio.Task[object]) -> None:
        """Keep ``task`` until it is done; it serves the request of this id, or one without.

        Raises:
            InvalidRequest: another request with this id is being served.
            Busy: there are too many.
        """
        key = task if request_id is None else read_id(request_id)
        if key in self._tasks:
            raise InvalidRequest(f"a request with id {str(key)[:80]!r} is still being served")
        if len(self._tasks) >= self._limit:
            raise Busy(f"{self._limit} requests of this client are being served", retry_after=1.0)
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))

    def answered(self, request_id: Raw) -> None:
        """Let the client use the id again, and cancel nothing more: the answer is to be sent."""
        self._tasks.pop(read_id(request_id), None)

    def _forget(self, key: object, task: asyncio.Task[object]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]

    def cancel(self, message: Message) -> None:
        """Do what ``notifications/cancelled`` says; one that names no running request is ignored.

        Source: MCP, ``basic/utilities/cancellation``.
        """
        try:
            key = read_id(msgspec.json.decode(message.params, type=_Cancelled).request_id)
        except (msgspec.DecodeError, InvalidRequest):
            return
        task = self._tasks.get(key)
        if task is not None:
            task.cancel()

    def cancel_all(self) -> None:
        """Cancel what is being served: the client has gone for good."""
        for task in list(self._tasks.values()):
            task.cancel()

    def __iter__(self) -> Iterator[asyncio.Task[object]]:
        return iter(list(self._tasks.values()))

    def __len__(self) -> int:
        return len(self._tasks)

"""What a signal to end does: drain first, then let the server stop.

uvicorn closes its port and its idle connections at once, and counts only what it knows. Here the
process stays reachable while it drains: readiness says no, a new call is refused with 503 instead
of a connection that breaks, and what is under way is answered.

A server process whose supervisor dies (``kill -9``) gets no signal. It would go on for ever, with
the port that the next supervisor wants: so the death is taken for one.
"""

import asyncio
import multiprocessing
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dynogate.gateway import Gateway
from dynogate.telemetry.logs import get_logger

log = get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LAST_WORDS_SEC = 2.0  # for calls that were cancelled to say so


@contextmanager
def draining_first(gateway: Gateway) -> Iterator[None]:
    """In this block, within a running loop: have a signal drain the gateway before all else.

    SIGINT while that happens ends it early. Only the main thread gets signals; in another one,
    whoever runs the loop has to see to its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = _Signals(gateway)
    for number in _SIGNALS:
        signal.signal(number, signals.receive)
    supervisor = multiprocessing.parent_process()
    loop = asyncio.get_running_loop()
    if supervisor is not None:
        loop.add_reader(supervisor.sentinel, signals.orphaned, supervisor.sentinel)
    try:
        yield
    finally:
        if supervisor is not None:
            loop.remove_reader(supervisor.sentinel)
        for number, handler in signals.handlers.items():
            signal.signal(number, handler)


class _Signals:
    """Stands before the server's own handlers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._loop = asyncio.get_running_loop()
        self._draining: asyncio.Task[None] | None = None
        self.handlers = {number: signal.getsignal(number) for number in _SIGNALS}

    def receive(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self._gateway.drain.begun:
            self._pass_on(number)
        else:
            self._loop.call_soon_threadsafe(self._begin, number)

    def orphaned(self, sentinel: int) -> None:
        """The supervisor is gone."""
        self._loop.remove_reader(sentinel)
        log.error("the supervisor of this process has died, so it ends, too")
        self._begin(signal.SIGTERM)

    def _begin(self, number: int) -> None:
        if self._draining is None:
            self._draining = self._loop.create_task(self._drain(number))

    async def _drain(self, number: int) -> None:
        try:
            await drain(self._gateway)
        finally:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        handler = self.handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, None)


async def drain(gateway: Gateway) -> None:
    """Refuse what is new, and come back when everything under way is answered.

    What takes longer than the grace that the settings allow is cancelled, and answered with that.
    """
    deadline = time.monotonic() + gateway.settings.shutdown_grace_sec
    gateway.drain.begin()
    log.info("draining", under_way=gateway.drain.under_way, jobs=gateway.jobs.running)
    if await gateway.drain.emptied(deadline - time.monotonic()):
        await gateway.jobs.drain(max(deadline - time.monotonic(), 0.0))
        log.info("drained")
        return
    await gateway.jobs.drain(0.0)
    if not await gateway.drain.emptied(_LAST_WORDS_SEC):
        log.warning("cut off", under_way=gateway.drain.under_way)

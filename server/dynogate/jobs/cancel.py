"""Asking running work to stop, from any thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CancelToken:
    """A one-way switch between the one who waits for work and the one who does it.

    The first ``cancel`` decides the reason; later ones change nothing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for the work to stop."""
        return self._reason is not None

    @property
    def reason(self) -> str | None:
        """Why, in words for a person; None while nobody asked."""
        return self._reason

    def cancel(self, reason: str) -> None:
        """Ask the work to stop; returns at once."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            for callback in self._callbacks:
                callback()

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within the block, ``cancel`` calls ``callback``; at once where it was called before.

        The callback runs once, in the canceller's thread and under the token's lock, so it must be
        quick and must not use the token. After the block it is not running and never will be.
        """
        with self._lock:
            if self._reason is None:
                self._callbacks.append(callback)
            else:
                callback()
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

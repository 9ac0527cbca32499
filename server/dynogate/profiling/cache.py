"""Profiles kept in memory between calls, the least recently used ones dropped first."""

import threading
from collections import OrderedDict

from dynogate.profiling.models import ProfileResult


class ProfileCache:
    """A bounded cache of profiles by id, safe for any number of threads."""

    def __init__(self, max_bytes: int) -> None:
        """Keep at most ``max_bytes``, as `put` was told them."""
        self._max_bytes = max_bytes
        self._size_bytes = 0
        self._entries: OrderedDict[str, tuple[ProfileResult, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, profile_id: str) -> ProfileResult | None:
        """The profile, or None where it is not (any more) in memory."""
        with self._lock:
            entry = self._entries.get(profile_id)
            if entry is None:
                return None
            self._entries.move_to_end(profile_id)
            return entry[0]

    def put(self, profile_id: str, profile: ProfileResult, size_bytes: int) -> None:
        """Keep the profile; one larger than the whole cache is not kept."""
        with self._lock:
            self._drop(profile_id)
            if size_bytes > self._max_bytes:
                return
            self._entries[profile_id] = (profile, size_bytes)
            self._size_bytes += size_bytes
            while self._size_bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def discard(self, profile_id: str) -> None:
        """Forget the profile, if it is there."""
        with self._lock:
            self._drop(profile_id)

    def clear(self) -> None:
        """Forget every profile."""
        with self._lock:
            self._entries.clear()
            self._size_bytes = 0

    def _drop(self, profile_id: str) -> None:
        entry = self._entries.pop(profile_id, None)
        if entry is not None:
            self._size_bytes -= entry[1]

"""What a program printed, in bounded memory."""


class BoundedOutput:
    """Keeps the first and the last half of what it is given; the middle is counted and dropped."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit - limit // 2
        self._tail_limit = limit // 2
        self._head = b""
        self._tail = b""
        self._cut = 0

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        tail = self._tail + data
        excess = max(0, len(tail) - self._tail_limit)
        self._cut += excess
        self._tail = tail[excess:]

    def text(self) -> str:
        """All that was kept, as UTF-8 (what is not becomes U+FFFD), with a line where it is cut."""
        if not self._cut:
            return (self._head + self._tail).decode("utf-8", "replace")
        head, tail = _whole_start(self._head), _whole_end(self._tail)
        cut = self._cut + len(self._head) - len(head) + len(self._tail) - len(tail)
        return (
            f"{head.decode('utf-8', 'replace')}\n"
            f"[... {cut:,} bytes left out ...]\n"
            f"{tail.decode('utf-8', 'replace')}"
        )


def _is_continuation(byte: int) -> bool:
    return byte & 0xC0 == 0x80


def _whole_start(data: bytes) -> bytes:
    """Without the beginning of a character whose end was cut off (at most 3 bytes)."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if not _is_continuation(byte):
            width = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return data[:-back] if width > back else data
    return data


def _whole_end(data: bytes) -> bytes:
    """Without the end of a character whose beginning was cut off (at most 3 bytes)."""
    start = 0
    while start < min(3, len(data)) and _is_continuation(data[start]):
        start += 1
    return data[start:]

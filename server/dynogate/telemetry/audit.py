"""The audit: who had the gateway execute what, when, and how it ended.

A JSON line when a call begins and one when it ends, each complete in itself, so that a process
that dies between the two leaves the first. Lines are appended whole by one write, so that several
processes can share the file, and it may be rotated at any time (the next line opens it anew). Of a
line that a full disk took half of, that half stays, as a line of its own.
"""

import errno
import hashlib
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from dynogate.errors import ConfigurationError, StoreUnavailable
from dynogate.telemetry.logs import get_logger, request_id

log = get_logger(__name__)

_MODE = 0o600


@dataclass(frozen=True, slots=True)
class AuditedCall:
    """What is told of a call; of its arguments only a digest, since they may hold secrets."""

    call: str
    tool: str
    transport: str
    principal: str
    credential: str | None
    client_id: str | None
    request_id: str | None
    arguments_sha256: str


class Audit:
    """Appends to one file, from one thread.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._open()
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the audit to {str(path)!r}: {error.strerror}. "
                "Set DYNOGATE_AUDIT_FILE to a file that can be written"
            ) from error

    def begin(
        self,
        tool: str,
        transport: str,
        arguments: bytes,
        *,
        principal: str,
        credential: str | None,
        client_id: str | None,
    ) -> AuditedCall:
        """A call is about to be executed.

        Raises:
            StoreUnavailable: it cannot be written down, so it must not be executed.
        """
        call = AuditedCall(
            uuid.uuid4().hex,
            tool,
            transport,
            principal,
            credential,
            client_id,
            request_id.get(),
            hashlib.sha256(arguments).hexdigest(),
        )
        try:
            self._append("begun", call, {})
        except OSError as error:
            raise StoreUnavailable(
                f"nothing is executed while the audit cannot be written: {error.strerror}"
            ) from error
        return call

    def end(self, call: AuditedCall, outcome: str, seconds: float) -> None:
        """It ended; where the file cannot tell, the log does."""
        how = {"outcome": outcome, "seconds": round(seconds, 6)}
        try:
            self._append("ended", call, how)
        except OSError as error:
            log.error("audit", problem=error.strerror, **msgspec.to_builtins(call), **how)

    async def check(self) -> str:
        """``ok``, where it can be written.

        Raises:
            StoreUnavailable: it cannot.
        """
        try:
            self._follow()
            if not os.fstatvfs(self._file).f_bavail:
                raise _full()
        except OSError as error:
            raise StoreUnavailable(f"the audit cannot be written: {error.strerror}") from error
        return "ok"

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)

    def _append(self, event: str, call: AuditedCall, how: dict[str, object]) -> None:
        line = {"time": datetime.now(UTC).isoformat(), "event": event}
        data = msgspec.json.encode({**line, **msgspec.to_builtins(call), **how}) + b"\n"
        self._follow()
        end = os.fstat(self._file).st_size
        if end and os.pread(self._file, 1, end - 1) != b"\n":
            data = b"\n" + data
        if os.write(self._file, data) != len(data):
            raise _full()

    def _follow(self) -> None:
        """Go on in a new file where the old one was moved away."""
        try:
            there, open_now = self._path.stat(), os.fstat(self._file)
            if (there.st_dev, there.st_ino) == (open_now.st_dev, open_now.st_ino):
                return
        except FileNotFoundError:
            pass
        moved, self._file = self._file, self._open()
        os.close(moved)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _MODE)


def _full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

"""Callers that account for each of their calls: which were answered, and which executed."""

import contextlib
import http.client
import itertools
import json
import threading
import time
from pathlib import Path

_HEADERS = {"content-type": "application/json"}
_PAUSE_SEC = 0.02


class Callers:
    """Threads that call ``note`` one call after the other, over connections that they keep.

    Args:
        port: the gateway's.
        executed: the file that the tool writes to.
        number: of callers.
        seconds: that each call takes.
    """

    def __init__(self, port: int, executed: Path, number: int, seconds: float) -> None:
        self._port = port
        self._file = executed
        self._seconds = seconds
        self._numbers = itertools.count(1)
        self._over = threading.Event()
        self.sent: set[int] = set()
        self.answered: set[int] = set()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(number)]
        for each in self._threads:
            each.start()

    def executed(self) -> set[int]:
        """The calls that were executed so far."""
        return set(map(int, self._file.read_text().split())) if self._file.exists() else set()

    def in_flight(self) -> set[int]:
        """The calls that are executed and not answered yet."""
        answered = set(self.answered)  # first: what is answered meanwhile was in flight
        return self.executed() - answered

    def stop(self) -> None:
        """Wait for the last answers, and call no more."""
        self._over.set()
        for each in self._threads:
            each.join()

    def _run(self) -> None:
        while not self._over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            with contextlib.closing(connection), contextlib.suppress(OSError, _Failed):
                while not self._over.is_set():
                    self._call(connection)
            time.sleep(_PAUSE_SEC)

    def _call(self, connection: http.client.HTTPConnection) -> None:
        number = next(self._numbers)
        params = {"number": number, "seconds": self._seconds}
        body = {"jsonrpc": "2.0", "id": number, "method": "note", "params": params}
        self.sent.add(number)
        try:
            connection.request("POST", "/mcp/tools/call", json.dumps(body), _HEADERS)
            answer = connection.getresponse()
            told = json.loads(answer.read())
        except (http.client.HTTPException, ValueError) as error:
            raise _Failed from error
        if answer.status == 200 and told.get("id") == number and "result" in told:
            self.answered.add(number)


class _Failed(Exception):
    """No whole answer came on this connection."""

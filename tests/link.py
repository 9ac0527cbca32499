"""A link to a server that a test may cut, or let fall silent."""

import socket
import threading
from contextlib import suppress


class Link:
    """What passes between the store and a server, until it is cut or silent.

    Attributes:
        silent: takes connections and bytes, and lets nothing through.
        refused: closes every new connection at once, so many times.
    """

    def __init__(self, port: int) -> None:
        self.silent = False
        self.refused = 0
        self.connections = 0
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                if self.refused:
                    self.refused -= 1
                    client.close()
                    continue
                server = socket.create_connection(self._to)
                self._open += [client, server]
                for one, other in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._pass, args=(one, other))
                    self._threads.append(thread)
                    thread.start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if not self.silent:
                    other.sendall(data)
            other.shutdown(socket.SHUT_WR)

"""A Redis of an experiment's or a test's own, which may be stopped, frozen and started again."""

import shutil
import signal
import socket
from pathlib import Path

from chaos.rig.ports import free_port
from chaos.rig.processes import Process
from dynogate.errors import RigFailed


class RedisServer:
    """A ``redis-server`` on a port of 127.0.0.1 that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise RigFailed("redis-server is not installed; scripts/install-system installs it")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = Process(
            "redis",
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            folder,
        )

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        self.process.start(self.answers)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def freeze(self) -> None:
        """Let it take connections and answer nothing."""
        self.process.signal(signal.SIGSTOP)

    def answers(self) -> bool:
        """Whether it says PONG."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as client:
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False

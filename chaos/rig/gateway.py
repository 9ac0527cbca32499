"""A gateway of an experiment's own."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from chaos.rig.ports import free_port
from chaos.rig.processes import Process
from chaos.rig.volume import Volume
from dynogate.tls import NO_TLS

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, where ``chaos`` can be imported from."""


class Gateway:
    """``dynogate serve`` with the tools of ``chaos.toolset``; it may be killed and started again.

    Args:
        folder: where its log goes; its data lie in ``data`` below it.
        environment: settings as DYNOGATE_* and what else it shall find.
        command: what to run in place of ``dynogate serve`` (a gateway broken on purpose, say).
        resolver: address of the name server that it, and nobody else, shall have.
        volume_mb: size of a disk of its own for its data; None for a plain folder.

    Attributes:
        volume: that disk.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        command: tuple[str, ...] = (),
        resolver: str | None = None,
        *,
        volume_mb: int | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = folder / "data"
        self.data.mkdir(exist_ok=True)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("DYNOGATE_")}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.volume = None if volume_mb is None else Volume(self.data, volume_mb)
        serve: Sequence[str] = (
            *(command or (sys.executable, "-m", "dynogate", "serve")),
            "--port",
            str(self.port),
        )
        if self.volume is not None:
            serve = self.volume.around(serve)
        self.process = Process(
            "gateway",
            serve if resolver is None else with_resolver(resolver, folder, serve),
            folder,
            {
                **inherited,
                "PYTHONPATH": path,
                "DYNOGATE_DATA_DIR": str(self.data),
                "DYNOGATE_TOOLSETS": "chaos.toolset:toolset",
                "DYNOGATE_LOG_FORMAT": "json",
                "DYNOGATE_RATE_LIMIT": "off",
                **environment,
            },
        )

    def start(self, seconds: float = 60.0) -> None:
        """Start it and wait until it is ready."""
        self.process.start(self.ready, seconds)

    def ready(self) -> bool:
        """Whether it says so."""
        try:
            return (
                httpx2.get(f"{self.url}/health/ready", timeout=2, verify=NO_TLS).status_code == 200
            )
        except httpx2.TransportError:
            return False


def with_resolver(address: str, folder: Path, command: Sequence[str]) -> list[str]:
    """``command`` with another name server: a mount namespace has a resolv.conf of its own.

    The C library asks as it always does, and waits for a silent server for 2 times 5 seconds, its
    own default (resolv.conf(5)).
    """
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {address}\n")
    become = () if os.geteuid() == 0 else ("--map-root-user",)
    mount = 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"'
    return [
        *("unshare", "--mount", "--propagation", "private", *become),
        *("sh", "-c", mount, "sh", str(file), *command),
    ]

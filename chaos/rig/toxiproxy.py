"""Toxiproxy's server, and the links that lead through it."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import requests
import toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from chaos.rig.ports import free_port
from chaos.rig.processes import Process
from dynogate.errors import RigFailed
from dynogate.tls import NO_TLS

_TIMEOUT = 5.0
_REFUSED = (InvalidToxic, NotFound, ProxyExists, requests.RequestException)

ATTRIBUTES: dict[str, frozenset[str]] = {
    "latency": frozenset({"latency", "jitter"}),
    "bandwidth": frozenset({"rate"}),
    "slow_close": frozenset({"delay"}),
    "timeout": frozenset({"timeout"}),
    "reset_peer": frozenset({"timeout"}),
    "slicer": frozenset({"average_size", "size_variation", "delay"}),
    "limit_data": frozenset({"bytes"}),
}
"""What each toxic understands (Toxiproxy 2.12, README, "Toxics"); its server takes any name, and
forgets those it does not know."""


@dataclass(frozen=True, slots=True)
class Link:
    """A way through Toxiproxy.

    Attributes:
        name: of the proxy.
        port: of 127.0.0.1, where it listens.
        upstream: the port of 127.0.0.1 that it leads to.
    """

    name: str
    port: int
    upstream: int


class Toxiproxy:
    """A ``toxiproxy-server`` on loopback only."""

    def __init__(self, folder: Path) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.links: dict[str, Link] = {}
        self.process = Process(
            "toxiproxy",
            [program(), "-host", "127.0.0.1", "-port", str(self._port)],
            folder,
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process.start(self._answers)

    def link(self, name: str, upstream: int) -> Link:
        """Make a way to a port of 127.0.0.1.

        Raises:
            RigFailed: the server would not have it.
        """
        made = Link(name, free_port(), upstream)
        here, there = f"127.0.0.1:{made.port}", f"127.0.0.1:{upstream}"
        driver = toxiproxy.Toxiproxy()
        driver.update_api_consumer("127.0.0.1", self._port)  # for all of them: one rig stands
        try:
            driver.create(there, name, listen=here, enabled=True)
        except (*_REFUSED, KeyError) as error:  # the last where the server says that it failed
            raise RigFailed(f"toxiproxy: no link {name!r} from {here}: {error!r}") from error
        seen = self.ask("GET", f"/proxies/{name}")
        if (seen["listen"], seen["upstream"]) != (here, there):
            raise RigFailed(f"asked for a link {name!r} from {here} to {there}, read back {seen}")
        self.links[name] = made
        return made

    def toxics(self, link: str) -> dict[str, dict[str, Any]]:
        """The toxics of a link by their names, as the server has them."""
        return {toxic["name"]: toxic for toxic in self.ask("GET", f"/proxies/{link}/toxics")}

    def leftovers(self) -> tuple[str, ...]:
        """What is not as it was in the beginning, in words; nothing where all is well."""
        found: list[str] = []
        proxies = self.ask("GET", "/proxies")
        for name, link in self.links.items():
            proxy = proxies.get(name)
            if proxy is None:
                found.append(f"link {name!r} is gone")
                continue
            if not proxy["enabled"]:
                found.append(f"link {name!r} is still cut")
            if proxy["upstream"] != f"127.0.0.1:{link.upstream}":
                found.append(f"link {name!r} still leads to {proxy['upstream']}")
            found += [f"toxic {each['name']!r} is still on {name!r}" for each in proxy["toxics"]]
        return tuple(found)

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """One request to the server's API, decoded.

        Raises:
            RigFailed: it did not answer, or refused; tells why.
        """
        try:
            answer = httpx2.request(
                method, self.url + path, json=body, timeout=_TIMEOUT, verify=NO_TLS
            )
        except httpx2.TransportError as error:
            raise RigFailed(f"toxiproxy: {method} {path}: {error}") from error
        if not answer.is_success:
            raise RigFailed(f"toxiproxy: {method} {path}: {answer.status_code} {answer.text:.200}")
        return answer.json() if answer.content else None

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/version", timeout=1, verify=NO_TLS).is_success
        except httpx2.TransportError:
            return False


def program() -> str:
    """Where the server's program is.

    Raises:
        RigFailed: it is not installed.
    """
    beside = Path(sys.executable).with_name("toxiproxy-server")
    found = str(beside) if beside.exists() else shutil.which("toxiproxy-server")
    if found is None:
        raise RigFailed("toxiproxy-server is not installed; run scripts/install-toxiproxy")
    return found

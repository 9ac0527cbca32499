"""Everything an experiment needs, on free ports of loopback, below one scratch directory."""

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from chaos.rig.clock import Clock
from chaos.rig.gateway import ROOT, Gateway
from chaos.rig.issuer import AUDIENCE, ISSUER, Issuer
from chaos.rig.ports import free_address, free_port
from chaos.rig.postgres import PostgresCluster
from chaos.rig.processes import Process
from chaos.rig.redis import RedisServer
from chaos.rig.toxiproxy import Toxiproxy
from chaos.toolset import UPSTREAM
from dynogate.errors import RigFailed

Service = Literal["redis", "postgres", "upstream", "issuer", "names"]

_running: list["Rig"] = []


def current() -> "Rig":
    """The rig that stands, for actions and probes.

    Raises:
        RigFailed: none does.
    """
    if not _running:
        raise RigFailed("no rig stands: run experiments with python -m chaos run")
    return _running[-1]


class Rig:
    """Starts what is needed on entering, and ends all of it on leaving; a context manager.

    Every service is reached through a link of Toxiproxy that has its name (``redis``,
    ``postgres``, ``upstream``, ``issuer``), the gateway through the link ``client``; around the
    link it is at its own address.

    Args:
        needs: the services that the gateway shall use.
        settings: the gateway's, by the names of DYNOGATE_* in lower case, without the prefix.
        command: what to run in place of ``dynogate serve``.
        volume_mb: size of a disk of its own for the gateway's data; None for a plain folder.
        clock: whether the gateway's wall clock can be set.

    Attributes:
        folder: the scratch directory.
        toxiproxy: with its links.
        gateway: the gateway.
        redis: None where not needed, like the rest.
        clock: the gateway's, where it can be set.
        resolver: address of the name server that the gateway has in place of the machine's: with
            ``names`` it knows its services by names that end in ``.chaos.test``.
        notes: what activities of one experiment keep for each other.
    """

    toxiproxy: Toxiproxy
    gateway: Gateway

    def __init__(
        self,
        needs: Iterable[Service] = (),
        settings: Mapping[str, object] | None = None,
        command: tuple[str, ...] = (),
        *,
        volume_mb: int | None = None,
        clock: bool = False,
    ) -> None:
        self._needs = frozenset(needs)
        self._settings = dict(settings or {})
        self._command = command
        self._volume_mb = volume_mb
        self._has_clock = clock
        self._stack = contextlib.ExitStack()
        self.redis: RedisServer | None = None
        self.postgres: PostgresCluster | None = None
        self.upstream: Process | None = None
        self.issuer: Issuer | None = None
        self.clock: Clock | None = None
        self.resolver: str | None = None
        self.notes: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.folder = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix="dynogate-chaos-", ignore_cleanup_errors=True
                    )
                )
            )
            self.toxiproxy = Toxiproxy(self.folder)
            stack.callback(self.toxiproxy.process.kill)
            self.toxiproxy.start()
            environment = self._start_services(stack)
            given = {f"DYNOGATE_{name.upper()}": str(v) for name, v in self._settings.items()}
            if self._has_clock:
                self.clock = Clock(self.folder)
                environment |= self.clock.environment
            self.gateway = Gateway(
                self.folder,
                {**environment, **given},
                self._command,
                self.resolver,
                volume_mb=self._volume_mb,
            )
            stack.callback(self.gateway.process.stop)
            self.toxiproxy.link("client", self.gateway.port)
            self.gateway.start()
            _running.append(self)
            stack.callback(_running.remove, self)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _start_services(self, stack: contextlib.ExitStack) -> dict[str, str]:
        """Start them; the gateway's environment, which leads to them through links."""
        environment: dict[str, str] = {}
        starters: tuple[tuple[Service, Callable[[contextlib.ExitStack], dict[str, str]]], ...] = (
            ("redis", self._start_redis),
            ("postgres", self._start_postgres),
            ("issuer", self._start_issuer),
        )
        if self._needs & {"upstream", "issuer", "names"}:
            environment |= self._start_upstream(stack)
        for service, start in starters:
            if service in self._needs:
                environment |= start(stack)
        return environment

    def _start_redis(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.redis = RedisServer(self.folder)
        stack.callback(self.redis.kill)
        self.redis.start()
        link = self.toxiproxy.link("redis", self.redis.port)
        return {
            "DYNOGATE_RATE_LIMIT": "100000/second",
            "DYNOGATE_RATE_LIMIT_STORAGE": f"redis://{self._host('redis')}:{link.port}/0",
        }

    def _start_postgres(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.postgres = PostgresCluster()
        stack.callback(self.postgres.remove)
        stack.callback(self.postgres.stop)
        self.postgres.start()
        link = self.toxiproxy.link("postgres", self.postgres.port)
        url = self.postgres.url("postgres", link.port)
        return {"DYNOGATE_DATABASE_URL": url.replace("127.0.0.1", self._host("postgres"))}

    def _start_upstream(self, stack: contextlib.ExitStack) -> dict[str, str]:
        keys = self.folder / "keys.json"
        self._keys = Issuer(keys)
        port = free_port()
        command = [sys.executable, "-m", "chaos.rig.upstream", str(port), str(keys)]
        if "names" in self._needs:
            self.resolver = free_address()
            command.append(self.resolver)
        self.upstream = Process(
            "upstream",
            command,
            self.folder,
            {**os.environ, "PYTHONPATH": str(ROOT)},
        )
        stack.callback(self.upstream.kill)
        link = self.toxiproxy.link("upstream", port)
        self.toxiproxy.link("issuer", port)
        self.upstream.start(lambda: _listens(port))
        return {UPSTREAM: f"http://{self._host('upstream')}:{link.port}"}

    def _start_issuer(self, stack: contextlib.ExitStack) -> dict[str, str]:
        self.issuer = self._keys
        return {
            "DYNOGATE_JWT_ISSUER": ISSUER,
            "DYNOGATE_JWT_AUDIENCE": AUDIENCE,
            "DYNOGATE_JWT_JWKS_URL": f"http://127.0.0.1:{self.port('issuer')}/keys",
        }

    def _host(self, link: str) -> str:
        """How the gateway calls what is behind a link: by a name where names are needed."""
        return f"{link}.chaos.test" if self.resolver else "127.0.0.1"

    def port(self, link: str) -> int:
        """Where a link listens."""
        return self.toxiproxy.links[link].port

    def url(self, via: str) -> str:
        """The gateway's URL: ``direct``, or through a link."""
        return self.gateway.url if via == "direct" else f"http://127.0.0.1:{self.port(via)}"

    def configuration(self) -> dict[str, str]:
        """What ``${...}`` in an experiment stands for."""
        upstream = self.toxiproxy.links.get("upstream")
        return {
            "gateway_url": self.gateway.url,
            "client_url": self.url("client"),
            "toxiproxy_url": self.toxiproxy.url,
            "upstream_url": f"http://127.0.0.1:{upstream.upstream}" if upstream else "",
            "scratch": str(self.folder),
        }


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True

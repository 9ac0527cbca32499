"""Which servers a gateway may load, and the addresses that they are allowed to be at.

A name that is not listed is not even looked up: a question to the DNS could carry a secret out. A
listed one is looked up once, each of its addresses is checked, and all connections go to these
(``Target.addresses``), so that another answer of the DNS in between changes nothing.
"""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

from dynogate.errors import ConfigurationError, TargetNotAllowed, TargetUnreachable
from dynogate.load.targets import Target

SETTING = "DYNOGATE_LOAD_TARGETS"
_LOOKUP_SEC = 10.0

# Addresses of IPv6 that stand for one of IPv4, which may be anything: 6to4 (RFC 3056), Teredo
# (RFC 4380) and NAT64 (RFC 6052).
_TRANSLATED = tuple(map(IPv6Network, ("2002::/16", "2001::/32", "64:ff9b::/96")))

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list: a name, or a network of addresses; with a port, only that one."""

    name: str | None
    network: IPv4Network | IPv6Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Entry":
        """``localhost``, ``127.0.0.0/8``, ``[::1]:8000``, ``staging.example.org:443``.

        Raises:
            ConfigurationError: it is none of these.
        """
        host, port = _split_port(text.strip())
        try:
            return cls(None, ip_network(host), port)
        except ValueError:
            pass
        name = _normal(host)
        if not name or name.strip("abcdefghijklmnopqrstuvwxyz0123456789-_."):
            raise ConfigurationError(
                f"{SETTING}: {text!r} is no host name, IP address or network (10.0.0.0/8), with "
                "or without a :port ([::1]:8000)"
            )
        return cls(name, None, port)

    def covers(self, address: Address, port: int) -> bool:
        """Whether it lists this address."""
        return self.network is not None and address in self.network and self.port in (None, port)


class AllowedTargets:
    """The list. By default only this machine is on it.

    An address may be loaded where a network lists it; a name where it is listed and each of its
    addresses is either listed, too, or a public one: whoever answers for a name outside must not
    lead the load inside.

    Args:
        entries: as in ``Entry.parse``.

    Raises:
        ConfigurationError: an entry is none.
    """

    def __init__(self, entries: Sequence[str] = ("localhost", "127.0.0.0/8", "::1")) -> None:
        self._entries = tuple(Entry.parse(entry) for entry in entries)
        self._listed = ", ".join(entries) or "empty"

    async def admit(self, target: Target) -> Target:
        """The target with the addresses that connections may go to.

        Raises:
            TargetNotAllowed: it is not on the list, or leads elsewhere.
            TargetUnreachable: its name is not known.
        """
        host, port = _normal(target.hostname), target.port
        try:
            addresses: Sequence[Address] = (ip_address(host),)
        except ValueError:
            if not any(each.name == host and each.port in (None, port) for each in self._entries):
                raise self._refusal(f"{host}:{port}") from None
            addresses = await _lookup(host, port)
            for address in addresses:
                if not (_is_public(address) or self._covers(address, port)):
                    raise self._refusal(f"{address}, an address of {host},") from None
        else:
            if not self._covers(addresses[0], port):
                raise self._refusal(f"{host}:{port}")
        return msgspec.structs.replace(target, addresses=tuple(map(str, addresses)))

    def _covers(self, address: Address, port: int) -> bool:
        """Whether a network lists it; an IPv4 address in IPv6's notation is that IPv4 address."""
        meant = getattr(address, "ipv4_mapped", None) or address
        return any(entry.covers(meant, port) for entry in self._entries)

    def _refusal(self, what: str) -> TargetNotAllowed:
        return TargetNotAllowed(
            f"{what} may not be loaded from here: allowed is what {SETTING} lists "
            f"({self._listed}). The gateway's operator can add a host, an address or a network"
        )


def _split_port(text: str) -> tuple[str, int | None]:
    """``host:port`` and ``[v6]:port`` in two; an IPv6 address without brackets has no port."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
        if not closed or (rest and not rest.startswith(":")):
            return text, None
    else:
        host, _, port = text.partition(":")
        if ":" in port:
            return text, None
    if port.isascii() and port.isdigit() and 0 < int(port) < 65_536:
        return host, int(port)
    return (text if port else host), None


def _normal(host: str) -> str:
    return host.lower().removesuffix(".")


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


async def _lookup(host: str, port: int) -> tuple[Address, ...]:
    """Every address of a name.

    Raises:
        TargetUnreachable: there is none, or nobody could say in time.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOKUP_SEC):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = str(error) or "no answer in time"
        raise TargetUnreachable(f"{host}: the host name is not known ({why})") from error
    return tuple(dict.fromkeys(ip_address(place[0]) for *_, place in found))

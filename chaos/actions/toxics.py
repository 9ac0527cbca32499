"""Toxics on links, put there by chaostoolkit-toxiproxy and read back from the server."""

from typing import Any

import chaostoxi.proxy.actions
import chaostoxi.toxic.actions

from chaos.rig.rig import current
from chaos.rig.toxiproxy import ATTRIBUTES
from dynogate.errors import RigFailed


def add(
    link: str,
    toxic: str,
    attributes: dict[str, int],
    stream: str = "downstream",
    toxicity: float = 1.0,
) -> dict[str, Any]:
    """Put a toxic on a link, under its kind's name, and read it back.

    Args:
        link: of the rig.
        toxic: its kind.
        attributes: all that it shall have; times in ms (the slicer's delay in us), rates in KB/s.
        stream: upstream is from the client to the server.
        toxicity: share of the connections that get it.

    Raises:
        RigFailed: no such toxic or attribute, or the server has not exactly what was asked for.
    """
    known = ATTRIBUTES.get(toxic)
    if known is None:
        raise RigFailed(f"there is no toxic {toxic!r}; there are {', '.join(ATTRIBUTES)}")
    unknown = sorted(set(attributes) - known)
    if unknown:
        raise RigFailed(f"{toxic} knows no {', '.join(unknown)}; it knows {', '.join(known)}")
    toxiproxy = current().toxiproxy
    name = f"{toxic}_{stream}"
    chaostoxi.toxic.actions.create_toxic(
        link, name, toxic, stream, toxicity, attributes, {"toxiproxy_url": toxiproxy.url}
    )
    seen = toxiproxy.toxics(link).get(name)
    asked = {"stream": stream, "toxicity": toxicity, "type": toxic}
    has = seen or {}
    if {key: has.get(key) for key in asked} != asked or any(
        has["attributes"].get(key) != value for key, value in attributes.items()
    ):
        raise RigFailed(f"asked for {attributes} of {toxic} on {link!r}, read back {seen}")
    return has


def remove(link: str) -> int:
    """Take every toxic off a link; how many there were.

    Raises:
        RigFailed: one is still there.
    """
    toxiproxy = current().toxiproxy
    there = toxiproxy.toxics(link)
    for name in there:
        chaostoxi.toxic.actions.delete_toxic(link, name, {"toxiproxy_url": toxiproxy.url})
    if left := toxiproxy.toxics(link):
        raise RigFailed(f"still on {link!r}: {', '.join(left)}")
    return len(there)


def cut(link: str) -> None:
    """Cut a link: its connections end, and new ones are refused.

    Raises:
        RigFailed: it still lets through.
    """
    _enable(link, False)


def mend(link: str) -> None:
    """Let a link that was cut lead through again.

    Raises:
        RigFailed: it does not.
    """
    _enable(link, True)


def _enable(link: str, enabled: bool) -> None:
    toxiproxy = current().toxiproxy
    chaostoxi.proxy.actions.modify_proxy(
        link, enabled=enabled, configuration={"toxiproxy_url": toxiproxy.url}
    )
    if toxiproxy.ask("GET", f"/proxies/{link}")["enabled"] is not enabled:
        raise RigFailed(f"{link!r} should be {'mended' if enabled else 'cut'} and is not")

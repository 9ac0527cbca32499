"""Let the upstream misbehave, and behave again; let the issuer change its keys."""

from typing import Any

import httpx2

from chaos.rig.rig import current
from dynogate.errors import RigFailed
from dynogate.tls import NO_TLS

_TIMEOUT_SEC = 5.0


def misbehave(
    upstream_url: str, reset_share: float = 0.0, names: dict[str, str] | None = None
) -> dict[str, Any]:
    """Let a share of requests end in a TCP reset, and names get no (or another) answer.

    Args:
        upstream_url: of the upstream itself, around every link.
        reset_share: of the requests for values and of orders, 0 to 1.
        names: by name: ``silent``, ``missing`` (NXDOMAIN) or ``failing`` (SERVFAIL).

    Returns:
        The behaviour as the upstream has it now.

    Raises:
        RigFailed: it is not what was asked for.
    """
    wanted = {"reset_share": reset_share, "names": names or {}}
    answer = httpx2.put(
        f"{upstream_url}/behaviour", json=wanted, timeout=_TIMEOUT_SEC, verify=NO_TLS
    )
    taken: dict[str, Any] = answer.json()
    if taken != wanted:
        raise RigFailed(f"the upstream did not take {wanted}: {answer.text:.200}")
    return taken


def behave(upstream_url: str) -> dict[str, Any]:
    """Let it answer everything well again.

    Raises:
        RigFailed: it does not.
    """
    return misbehave(upstream_url)


def publish_key(kid: str) -> str:
    """Let the issuer publish another key, beside those there are.

    Raises:
        RigFailed: there is no issuer.
    """
    issuer = current().issuer
    if issuer is None:
        raise RigFailed("there is no issuer here: the experiment has to need one")
    issuer.publish(kid)
    return kid

"""What the upstream received: the truth about what was tried, and how often."""

from typing import Any

import httpx2

from chaos.proof import Proof, proof
from dynogate.tls import NO_TLS

_TIMEOUT_SEC = 5.0


def counts(upstream_url: str) -> dict[str, Any]:
    """What came since its behaviour was set (`chaos.rig.upstream.Counts`).

    Args:
        upstream_url: of the upstream itself, around every link.
    """
    answer = httpx2.get(f"{upstream_url}/counts", timeout=_TIMEOUT_SEC, verify=NO_TLS)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def resets(upstream_url: str, share: float, slack: float, at_least: int) -> Proof:
    """Prove that the share of requests that were reset is what was asked for.

    Args:
        upstream_url: of the upstream itself.
        share: that was asked for.
        slack: how far the share found may lie from it.
        at_least: how many requests make it a share.
    """
    found = counts(upstream_url)
    requests = found["values"] + found["orders"]
    got = found["resets"] / max(requests, 1)
    return proof(
        requests >= at_least and abs(got - share) <= slack,
        f"{found['resets']} of {requests} requests that arrived were reset ({got:.0%})",
        **{name: value for name, value in found.items() if name != "names"},
    )


def asked_in_vain(upstream_url: str, names: list[str]) -> Proof:
    """Prove that queries for names reached the name server, which had been told how to treat them.

    Args:
        upstream_url: of the upstream itself.
        names: whose queries are counted.
    """
    found = counts(upstream_url)["names"]
    queries = {name: found.get(name, 0) for name in names}
    text = ", ".join(f"{count} for {name}" for name, count in queries.items())
    return proof(min(queries.values()) > 0, f"queries on the wire: {text}", **queries)

"""Activities of the tests' experiments."""

import httpx2

from chaos.proof import Proof, proof


def nothing() -> None:
    """Do nothing, well."""


def true() -> bool:
    return True


def false() -> bool:
    return False


def fail() -> None:
    raise OSError("no way")


def bit() -> Proof:
    return proof(True, "it bit", one=1.0)


def has_latency(url: str) -> Proof:
    """Whether the toxic ``slow`` of the link ``misspelt`` has any."""
    toxic = httpx2.get(f"{url}/proxies/misspelt/toxics/slow", timeout=5).json()
    latency = toxic["attributes"]["latency"]
    return proof(latency > 0, f"the toxic's latency is {latency} ms", one=1.0)

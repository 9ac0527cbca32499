"""Who calls."""

from dataclasses import dataclass

METADATA_PATH = "/.well-known/oauth-protected-resource"
RESOURCES = ("", "/mcp")
"""The paths that are OAuth resources of their own, each with its metadata (RFC 9728, 3.1)."""
ALL_SCOPES = frozenset({"tools:read", "tools:execute"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The one behind a request, as the guards found them.

    Attributes:
        principal: an authenticated name, or ``local`` for anyone while no authentication is
            configured.
        scopes: what they may do, in the words that tools declare (``tools:read``).
        share: what their use is counted by: the principal, or the address of one without a name.
        credential: the id of the key or token they showed, for the audit; None where none was.
        client_id: what the client calls itself, which proves nothing.
        timeout_sec: how long the client would wait for a call; None for as long as it takes.
    """

    principal: str
    scopes: frozenset[str]
    share: str = "local"
    credential: str | None = None
    client_id: str | None = None
    timeout_sec: float | None = None


LOCAL = Caller("local", ALL_SCOPES)
"""A caller on this machine while no authentication is configured."""

"""Who calls."""

from dataclasses import dataclass

ALL_SCOPES = frozenset({"tools:read", "tools:execute"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The one behind a request, as the guards found them.

    Attributes:
        principal: an authenticated name, or ``local`` for anyone on a loopback bind without keys.
        scopes: what they may do, in the words that tools declare (``tools:read``).
    """

    principal: str
    scopes: frozenset[str]


LOCAL = Caller("local", ALL_SCOPES)
"""Every caller while no authentication is configured."""

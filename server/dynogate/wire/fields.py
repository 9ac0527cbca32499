"""The header fields of one HTTP request, read once for all who look for some of them."""

from collections import Counter
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

RawFields = Sequence[tuple[bytes, bytes]]
"""Header fields as ASGI has them: names in lower case, in the order in which they came."""

_KEY = "dynogate.fields"


class Fields:
    """Header fields by name.

    Attributes:
        raw: all of them, in their order.
        get: the value of the field of a name, the last one's where it is repeated; None where
            there is none.
        repeated: the names that are there more than once: nearly always none.
    """

    __slots__ = ("get", "raw", "repeated")

    def __init__(self, raw: RawFields) -> None:
        by_name = dict(raw)
        self.raw = raw
        self.get: Callable[[bytes], bytes | None] = by_name.get
        self.repeated = _NONE if len(by_name) == len(raw) else _repeated(raw)


_NONE: frozenset[bytes] = frozenset()


def fields_of(scope: MutableMapping[str, Any]) -> Fields:
    """The header fields of a request with this ASGI scope, where they are kept from then on."""
    fields: Fields | None = scope.get(_KEY)
    if fields is None:
        fields = scope[_KEY] = Fields(scope["headers"])
    return fields


def _repeated(raw: RawFields) -> frozenset[bytes]:
    counts = Counter(name for name, _ in raw)
    return frozenset(name for name, count in counts.items() if count > 1)

"""Cursors: where a page of a list ended, as opaque text that a client hands back."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from dynogate.errors import InvalidParams

_DIGEST_BYTES = 8
_POSITION = struct.Struct(">qq")


class Position(NamedTuple):
    """A place in a list ordered by time, newest first; ``key`` decides between equal times."""

    created_us: int
    key: int


class BadCursor(ValueError):
    """The text is no cursor, or one of another list."""


def encode_cursor(position: Position, *, of: str) -> str:
    """``position`` in the list ``of`` (its filters, as text), safe in URLs.

    The digest finds mistakes, it keeps no secret: a cursor opens nothing that its list does not.
    """
    packed = _POSITION.pack(*position)
    return base64.urlsafe_b64encode(packed + _digest(packed, of)).decode()


def decode_cursor(cursor: str, *, of: str) -> Position:
    """The position that `encode_cursor` was given.

    Raises:
        BadCursor: the text was changed, or belongs to a list with other filters.
    """
    try:
        data = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor("not a cursor") from error
    packed, digest = data[: _POSITION.size], data[_POSITION.size :]
    if len(packed) != _POSITION.size or digest != _digest(packed, of):
        raise BadCursor("not a cursor of this list")
    return Position(*_POSITION.unpack(packed))


class Row(Protocol):
    """What a list is made of."""

    @property
    def created_us(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> int: ...  # noqa: D102


R = TypeVar("R", bound=Row)


def one_page(
    rows_after: Callable[[Position | None, int], Sequence[R]],
    cursor: str | None,
    limit: int,
    *,
    of: str,
) -> tuple[Sequence[R], str | None]:
    """A page of the list ``of``, and the cursor of the next one; None where it is the last.

    Args:
        rows_after: at most so many rows from behind a position.
        cursor: of the page before; None for the first.
        limit: rows of a page, at most.

    Raises:
        InvalidParams: ``cursor`` is not one of this list.
    """
    try:
        after = None if cursor is None else decode_cursor(cursor, of=of)
    except BadCursor:
        raise InvalidParams.of(
            "cursor", "expected the next_cursor of a page of this list, with the same filters"
        ) from None
    rows = rows_after(after, limit + 1)
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], encode_cursor(Position(last.created_us, last.key), of=of)


def _digest(packed: bytes, of: str) -> bytes:
    text = of.encode("utf-8", "backslashreplace")
    return hashlib.blake2b(packed + text, digest_size=_DIGEST_BYTES).digest()

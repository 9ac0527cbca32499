"""Ids of stored things: readable, in the order of their making, and not to be guessed."""

import secrets
import time

# Crockford's base 32: no i, l, o or u, so that an id survives being read aloud.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_BITS, _RANDOM_BITS = 48, 80
_LENGTH = 26


def new_id(prefix: str) -> str:
    """``prefix_`` and 26 characters: 48 bits of milliseconds since 1970, then 80 random bits.

    The layout is that of a ULID (github.com/ulid/spec), in lower case.
    """
    stamp = time.time_ns() // 1_000_000 & ((1 << _TIME_BITS) - 1)
    number = stamp << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    digits = (_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
    return f"{prefix}_{''.join(digits)}"

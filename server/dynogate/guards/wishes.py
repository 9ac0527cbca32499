"""What a request says besides its call: what the client calls itself, how long it would wait."""

import math
from dataclasses import replace

from dynogate.errors import InvalidRequest
from dynogate.guards.caller import Caller
from dynogate.wire.fields import Fields

_LONGEST_NAME = 256


def with_wishes(caller: Caller, fields: Fields) -> Caller:
    """``caller``, and what the header fields ``X-Client-ID`` and ``X-Request-Timeout`` say.

    Raises:
        InvalidRequest: one is not what it should be.
    """
    client_id, timeout = fields.get(b"x-client-id"), fields.get(b"x-request-timeout")
    if client_id is not None:
        caller = replace(caller, client_id=_client_id(client_id))
    if timeout is not None:
        caller = replace(caller, timeout_sec=_seconds(timeout))
    return caller


def _client_id(value: bytes) -> str:
    if len(value) > _LONGEST_NAME:
        raise InvalidRequest(f"X-Client-ID: at most {_LONGEST_NAME} characters are taken")
    return value.decode("latin-1")


def _seconds(value: bytes) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0.0 < seconds < math.inf:
        raise InvalidRequest("X-Request-Timeout must be a number of seconds over 0")
    return seconds

"""The Model Context Protocol as data: versions, metadata, messages, results.

Source: https://modelcontextprotocol.io/specification/2026-07-28 (``basic``, ``schema``) and, for
the earlier era, 2025-11-25. *Modern* versions carry everything in each request's ``_meta``;
*legacy* ones open a session with ``initialize``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from dynogate.errors import InvalidParams, InvalidRequest, ParseError, UnsupportedVersion
from dynogate.wire.jsonrpc import Raw

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
"""Newest first; ``initialize`` with another version is offered the first."""
SUPPORTED = (MODERN, *LEGACY)
ASSUMED_VERSION = "2025-03-26"
"""That of a client that names none (2025-11-25, ``basic/transports``)."""

_PREFIX = "io.modelcontextprotocol/"
SUBSCRIPTION_ID = _PREFIX + "subscriptionId"
SERVER_INFO = _PREFIX + "serverInfo"

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
"""Least severe first (RFC 5424)."""

_UNSET = msgspec.UNSET
_Unset = msgspec.UnsetType


class Meta(msgspec.Struct, frozen=True):
    """What is read of a request's ``_meta``."""

    protocol_version: str | _Unset = msgspec.field(default=_UNSET, name=_PREFIX + "protocolVersion")
    client_capabilities: dict[str, Raw] | _Unset = msgspec.field(
        default=_UNSET, name=_PREFIX + "clientCapabilities"
    )
    client_info: dict[str, Raw] | _Unset = msgspec.field(
        default=_UNSET, name=_PREFIX + "clientInfo"
    )
    log_level: LogLevel | _Unset = msgspec.field(default=_UNSET, name=_PREFIX + "logLevel")
    progress_token: str | int | _Unset = msgspec.field(default=_UNSET, name="progressToken")


NO_META = Meta()


class Params(msgspec.Struct, frozen=True):
    """What every request may have, and what headers repeat; read in one pass."""

    meta: Meta = msgspec.field(default=NO_META, name="_meta")
    name: str | _Unset = _UNSET
    uri: str | _Unset = _UNSET
    arguments: Raw | _Unset = _UNSET


NO_PARAMS = Params()


@dataclass(frozen=True, slots=True)
class Message:
    """A request (it has an id) or a notification (it has none).

    Attributes:
        id: the raw JSON of the id, echoed as it came.
        params: the raw JSON of the params, ``{}`` where there are none.
        head: what of the params was read already.
    """

    id: Raw | None
    method: str
    params: bytes
    head: Params


@dataclass(frozen=True, slots=True)
class Reply:
    """A client's answer to a request of ours; ``result`` is None where it is an error."""

    id: str | int
    result: bytes | None
    error: bytes | None


class BadMessage(InvalidRequest):
    """A message that is no valid one, but whose id could be read."""

    def __init__(self, message: str, request_id: Raw) -> None:
        super().__init__(message)
        self.request_id = request_id


class _Envelope(msgspec.Struct):
    jsonrpc: Raw = Raw(b"")
    id: Raw | _Unset = _UNSET
    method: Raw | _Unset = _UNSET
    params: Raw = Raw(b"{}")
    result: Raw | _Unset = _UNSET
    error: Raw | _Unset = _UNSET


_envelope = msgspec.json.Decoder(_Envelope)
_string = msgspec.json.Decoder(str)
_id = msgspec.json.Decoder(str | int)
_params = msgspec.json.Decoder(Params)
_encoder = msgspec.json.Encoder()


def read_message(body: bytes) -> Message | Reply:
    """Read one message.

    Raises:
        ParseError: the body is not JSON (bad UTF-8, cut short, nested too deeply).
        InvalidRequest: it is no message, or a batch.
        BadMessage: it is no valid message, but has an id to answer.
    """
    try:
        body.decode("utf-8", "strict")
        envelope = _envelope.decode(body)
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is not UTF-8: byte {error.start}: {error.reason}") from None
    except RecursionError:
        raise ParseError("the body is nested too deeply") from None
    except msgspec.ValidationError:
        raise InvalidRequest("send one JSON-RPC message (an object); no batches") from None
    except msgspec.DecodeError as error:
        raise ParseError(f"the body is not JSON: {error}") from None
    request_id = None if envelope.id is _UNSET else _valid_id(envelope.id)
    if bytes(envelope.jsonrpc) != b'"2.0"':
        raise _bad("'jsonrpc' must be \"2.0\"", request_id)
    if envelope.method is _UNSET:
        return _reply(envelope, request_id)
    try:
        method = _string.decode(envelope.method)
    except msgspec.DecodeError:
        raise _bad("'method' must be a string", request_id) from None
    params = bytes(envelope.params)
    if params[:1] != b"{":
        raise _bad("'params' must be an object", request_id)
    return Message(request_id, method, params, NO_PARAMS)


def _valid_id(raw: Raw) -> Raw:
    data = bytes(raw)
    if data[:1] == b'"' or data.removeprefix(b"-").isdigit():
        return raw.copy()
    raise InvalidRequest("'id' must be a string or an integer")


def _bad(problem: str, request_id: Raw | None) -> InvalidRequest:
    return InvalidRequest(problem) if request_id is None else BadMessage(problem, request_id)


def _reply(envelope: _Envelope, request_id: Raw | None) -> Reply:
    outcomes = [each for each in (envelope.result, envelope.error) if each is not _UNSET]
    if request_id is None or len(outcomes) != 1 or bytes(outcomes[0])[:1] != b"{":
        raise _bad(
            "a message has a 'method', or answers one: 'id' and 'result' or 'error'", request_id
        )
    result, error = (
        None if each is _UNSET else bytes(each) for each in (envelope.result, envelope.error)
    )
    return Reply(read_id(request_id), result, error)


def read_id(raw: Raw) -> str | int:
    """An id as a value that can be looked up."""
    value: str | int = _id.decode(raw)
    return value


def read_head(params: bytes) -> Params:
    """What every request may have in its params.

    Raises:
        InvalidParams: a member of them has the wrong type.
    """
    try:
        return _params.decode(params)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParams(f"'params': {error}") from None


class _Cancelled(msgspec.Struct, rename="camel"):
    request_id: str | int


def cancelled_id(params: bytes) -> str | int | None:
    """Which request ``notifications/cancelled`` means; None where it does not say."""
    try:
        return msgspec.json.decode(params, type=_Cancelled).request_id
    except (msgspec.DecodeError, RecursionError):
        return None


def check_version(version: str) -> None:
    """Let through the version of requests that stand alone.

    Raises:
        UnsupportedVersion: it is not one.
    """
    if version != MODERN:
        raise unsupported(version)


def unsupported(version: str) -> UnsupportedVersion:
    """The error that lists what is spoken here."""
    return UnsupportedVersion(
        f"protocol version {version[:64]!r} is not spoken here; use one of {', '.join(SUPPORTED)}",
        data={"supported": list(SUPPORTED), "requested": version[:64]},
    )


def encode(value: object) -> bytes:
    """``value`` as JSON."""
    return _encoder.encode(value)


def notification(method: str, params: Mapping[str, object]) -> bytes:
    """A notification to the client."""
    return _encoder.encode({"jsonrpc": "2.0", "method": method, "params": params})


def request(request_id: str, method: str, params: Mapping[str, object]) -> bytes:
    """A request to the client (legacy era only)."""
    return _encoder.encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


class Decoration:
    """What every modern result has besides its own members.

    Args:
        server_info: name and version of the server.
        ttl_ms: how long a client may keep the result; None for results that are not cacheable.
        scope: who may share a kept result.
    """

    def __init__(
        self,
        server_info: Mapping[str, str],
        *,
        ttl_ms: int | None = None,
        scope: Literal["public", "private"] = "private",
    ) -> None:
        members: dict[str, object] = {"resultType": "complete"}
        if ttl_ms is not None:
            members |= {"ttlMs": ttl_ms, "cacheScope": scope}
        members["_meta"] = {SERVER_INFO: server_info}
        self._alone = _encoder.encode(members)
        self._before = self._alone[:-1] + b","

    def __call__(self, result: bytes) -> bytes:
        """``result`` (a JSON object without those members) with them."""
        return self._alone if result == b"{}" else self._before + result[1:]

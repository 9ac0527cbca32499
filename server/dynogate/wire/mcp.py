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
TASKS_EXTENSION = _PREFIX + "tasks"

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
"""Least severe first (RFC 5424)."""

MAX_ID_BYTES = 256

_UNSET = msgspec.UNSET
_Unset = msgspec.UnsetType


class Meta(msgspec.Struct, frozen=True, gc=False):
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
    traceparent: object = None
    tracestate: object = None

    def trace_parent(self) -> dict[str, str] | None:
        """Where the client's trace stands (W3C trace context), as far as it tells in strings."""
        if self.traceparent is None:
            return None
        members = {"traceparent": self.traceparent, "tracestate": self.tracestate}
        return {name: value for name, value in members.items() if isinstance(value, str)}


NO_META = Meta()


class Params(msgspec.Struct, frozen=True, gc=False):
    """What every request may have, and what headers repeat; read in one pass."""

    meta: Meta = msgspec.field(default=NO_META, name="_meta")
    name: str | _Unset = _UNSET
    uri: str | _Unset = _UNSET
    arguments: Raw | _Unset = _UNSET
    task_id: str | _Unset = msgspec.field(default=_UNSET, name="taskId")
    input_responses: Raw | _Unset = msgspec.field(default=_UNSET, name="inputResponses")
    request_state: str | _Unset = msgspec.field(default=_UNSET, name="requestState")

    def arguments_object(self) -> bytes:
        """The arguments of ``tools/call`` as JSON, ``{}`` where there are none.

        Raises:
            InvalidParams: they are something else than an object.
        """
        arguments = b"{}" if self.arguments is _UNSET else bytes(self.arguments)
        if arguments[:1] != b"{":
            raise InvalidParams("tools/call: 'arguments' must be an object")
        return arguments


NO_PARAMS = Params()


class Message(msgspec.Struct, gc=False):
    """A request (it has an id) or a notification (it has none).

    Attributes:
        id: the raw JSON of the id, echoed as it came.
        body: the whole message.
        head: what every request may have in its params; nothing where :meth:`check_head` raises.
    """

    id: Raw | None
    method: str
    body: bytes
    head: Params = NO_PARAMS
    is_checked: bool = False

    @property
    def params(self) -> bytes:
        """The raw JSON of the params, ``{}`` where there are none."""
        return bytes(_envelope.decode(self.body).params)

    def check_head(self) -> Params:
        """What every request may have in its params.

        Raises:
            InvalidParams: a member of them has the wrong type.
        """
        if not self.is_checked:
            try:
                self.head = _params.decode(self.params)
            except (msgspec.DecodeError, RecursionError) as error:
                raise InvalidParams(f"'params': {error}") from None
            self.is_checked = True
        return self.head


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


class _Envelope(msgspec.Struct, gc=False):
    jsonrpc: Literal["2.0"]
    method: str
    id: Raw | _Unset = _UNSET
    params: Raw = Raw(b"{}")


class _Whole(msgspec.Struct, gc=False):
    jsonrpc: Literal["2.0"]
    method: str
    id: Raw | _Unset = _UNSET
    params: Params = NO_PARAMS


class _AnyObject(msgspec.Struct):
    jsonrpc: Raw = Raw(b"")
    id: Raw | _Unset = _UNSET
    method: Raw | _Unset = _UNSET
    result: Raw | _Unset = _UNSET
    error: Raw | _Unset = _UNSET


_whole = msgspec.json.Decoder(_Whole)
_envelope = msgspec.json.Decoder(_Envelope)
_any_object = msgspec.json.Decoder(_AnyObject)
_string = msgspec.json.Decoder(str)
_params = msgspec.json.Decoder(Params)
_meta = msgspec.json.Decoder(Meta)
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
        try:
            message = _whole.decode(body)
        except msgspec.ValidationError:
            return _read_in_parts(body)
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is not UTF-8: byte {error.start}: {error.reason}") from None
    except RecursionError:
        raise ParseError("the body is nested too deeply") from None
    except msgspec.ValidationError:
        raise InvalidRequest("send one JSON-RPC message (an object); no batches") from None
    except msgspec.DecodeError as error:
        raise ParseError(f"the body is not JSON: {error}") from None
    request_id = None if message.id is _UNSET else _valid_id(message.id)
    return Message(request_id, message.method, body, message.params, is_checked=True)


def _valid_id(raw: Raw) -> Raw:
    data = bytes(raw)  # a copy: the id is kept for longer than the message around it
    if not (data.isdigit() and len(data) <= MAX_ID_BYTES):
        read_id(raw)
    return Raw(data)


def _bad(problem: str, request_id: Raw | None) -> InvalidRequest:
    return InvalidRequest(problem) if request_id is None else BadMessage(problem, request_id)


def _read_in_parts(body: bytes) -> Message | Reply:
    """Read what is no request, or one whose params are not as they should be."""
    try:
        envelope = _envelope.decode(body)
    except msgspec.ValidationError:
        return _read_reply(body)
    request_id = None if envelope.id is _UNSET else _valid_id(envelope.id)
    if bytes(envelope.params)[:1] != b"{":
        raise _bad("'params' must be an object", request_id)
    return Message(request_id, envelope.method, body)


def _read_reply(body: bytes) -> Reply:
    """Read what is no request: an answer to one, or neither."""
    envelope = _any_object.decode(body)
    request_id = None if envelope.id is _UNSET else _valid_id(envelope.id)
    if bytes(envelope.jsonrpc) != b'"2.0"':
        raise _bad("'jsonrpc' must be \"2.0\"", request_id)
    if envelope.method is not _UNSET:
        raise _bad("'method' must be a string", request_id)
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
    """An id as a value that can be looked up.

    Raises:
        InvalidRequest: it is none, or a long one.
    """
    data = bytes(raw)
    if len(data) > MAX_ID_BYTES:
        raise InvalidRequest(f"'id' is longer than {MAX_ID_BYTES} bytes")
    try:
        return _string.decode(data) if data[:1] == b'"' else int(data)
    except (msgspec.DecodeError, ValueError):
        raise InvalidRequest("'id' must be a string or an integer") from None


def read_meta(raw: Raw) -> Meta:
    """What is read of a ``_meta`` that stands beside a tool's own arguments.

    Raises:
        InvalidParams: it is none.
    """
    try:
        return _meta.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParams(f"'_meta': {error}") from None


def alone_version(message: Message) -> str:
    """The version that a request which stands alone says it is of.

    Raises:
        InvalidParams: ``_meta`` lacks something.
    """
    meta = message.head.meta
    if meta.protocol_version is _UNSET or meta.client_capabilities is _UNSET:
        raise InvalidParams(
            f"{message.method[:80]}: 'params' must have '_meta' with the members "
            f"'{_PREFIX}protocolVersion' and '{_PREFIX}clientCapabilities'"
        )
    return meta.protocol_version


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
        self._alone: bytes = _encoder.encode(members)
        self._before: bytes = self._alone[:-1] + b","

    def __call__(self, result: bytes) -> bytes:
        """``result`` (a JSON object without those members) with them."""
        return self._alone if result == b"{}" else self._before + result[1:]

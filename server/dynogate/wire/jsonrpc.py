"""JSON-RPC 2.0 as data: from bytes to requests, and from answers to bytes.

Source: https://www.jsonrpc.org/specification. The envelope is decoded with msgspec; ``params``
stays raw until the tool is known, so that nothing is decoded twice.
"""

from dataclasses import dataclass

import msgspec

from dynogate.errors import DynogateError, InvalidParams, InvalidRequest, ParseError

Raw = msgspec.Raw
NULL_ID = Raw(b"null")
_ID_START = frozenset(b'"-0123456789')


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        id: the raw JSON of the id, echoed as it came; None for a notification.
        params: the raw JSON of the params; None where there are none.
    """

    method: str
    params: bytes | None
    id: Raw | None


@dataclass(frozen=True, slots=True)
class BadRequest:
    """A member of a batch (or a lone request) that is no valid request, and the id to answer."""

    error: DynogateError
    id: Raw


class _Envelope(msgspec.Struct):
    jsonrpc: Raw | msgspec.UnsetType = msgspec.UNSET
    method: Raw | msgspec.UnsetType = msgspec.UNSET
    params: Raw | msgspec.UnsetType = msgspec.UNSET
    id: Raw | msgspec.UnsetType = msgspec.UNSET


class CallParams(msgspec.Struct, forbid_unknown_fields=False):
    """The params of ``tools/call``."""

    name: str
    arguments: Raw = Raw(b"{}")


_envelope = msgspec.json.Decoder(_Envelope)
_batch = msgspec.json.Decoder(list[Raw])
_string = msgspec.json.Decoder(str)
_members = msgspec.json.Decoder(dict[str, Raw])
_call_params = msgspec.json.Decoder(CallParams)
_encoder = msgspec.json.Encoder()


def parse(body: bytes, *, max_batch: int) -> Request | BadRequest | list[Request | BadRequest]:
    """Read one request, or a batch of them.

    A member of a batch that is no valid request becomes a :class:`BadRequest` in its place; the
    others are not touched by it.

    Raises:
        ParseError: the body is not JSON (bad UTF-8, cut short, nested too deeply).
        InvalidRequest: the batch is empty or has more than ``max_batch`` members.
    """
    try:
        body.decode("utf-8", "strict")
        if body.lstrip()[:1] != b"[":
            return _read(body)
        members = _batch.decode(body)
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is not UTF-8: byte {error.start}: {error.reason}") from None
    except RecursionError:
        raise ParseError("the body is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise ParseError(f"the body is not JSON: {error}") from None
    if not members:
        raise InvalidRequest("the batch is empty; send at least one request")
    if len(members) > max_batch:
        raise InvalidRequest(
            f"the batch has {len(members)} requests; at most {max_batch} are taken"
        )
    return [_read(bytes(member)) for member in members]


def _read(data: bytes) -> Request | BadRequest:
    try:
        envelope = _envelope.decode(data)
    except msgspec.ValidationError:
        return BadRequest(InvalidRequest("a request must be a JSON object"), NULL_ID)
    request_id = _valid_id(envelope.id)
    if request_id is None and envelope.id is not msgspec.UNSET:
        return BadRequest(InvalidRequest("'id' must be a string, a number or null"), NULL_ID)
    try:
        return Request(_method(envelope), _params(envelope), request_id)
    except InvalidRequest as error:
        return BadRequest(error, request_id or NULL_ID)


def _valid_id(value: Raw | msgspec.UnsetType) -> Raw | None:
    if value is msgspec.UNSET:
        return None
    data = bytes(value)
    return value.copy() if data[0] in _ID_START or data == b"null" else None


def _method(envelope: _Envelope) -> str:
    if envelope.jsonrpc is msgspec.UNSET or bytes(envelope.jsonrpc) != b'"2.0"':
        raise InvalidRequest("'jsonrpc' must be \"2.0\"")
    try:
        return _string.decode(b"" if envelope.method is msgspec.UNSET else envelope.method)
    except msgspec.DecodeError:
        raise InvalidRequest(
            "'method' must be a string: a tool's name, or \"tools/call\""
        ) from None


def _params(envelope: _Envelope) -> bytes | None:
    if envelope.params is msgspec.UNSET:
        return None
    params = bytes(envelope.params)
    if params[:1] not in (b"{", b"["):
        raise InvalidRequest("'params' must be an object")
    return params


def named_arguments(params: bytes | None) -> tuple[bytes, str | None, Raw | None]:
    """The arguments of a direct call as JSON, and the ``_client_id`` and ``_meta`` beside them.

    Raises:
        InvalidParams: the params are given by position, or ``_client_id`` is not a string.
    """
    if params is None:
        return b"{}", None, None
    if params[:1] == b"[":
        raise InvalidParams("'params' must be an object with the tool's arguments by name")
    if b'"_client_id"' not in params and b'"_meta"' not in params:
        return params, None, None
    try:
        members = _members.decode(params)
        meta = members.pop("_meta", None)
        client_id = members.pop("_client_id", None)
        name = None if client_id is None else _string.decode(client_id)
    except msgspec.DecodeError:
        raise InvalidParams("argument '_client_id': expected a string") from None
    if name is not None and len(name) > 256:
        raise InvalidParams("argument '_client_id': at most 256 characters are taken")
    return _encoder.encode(members), name, meta


def call_params(params: bytes | None) -> tuple[str, bytes]:
    """Tool name and arguments of a ``tools/call``.

    Raises:
        InvalidParams: ``name`` is missing or not a string, or ``arguments`` is not an object.
    """
    try:
        call = _call_params.decode(params or b"{}")
    except msgspec.DecodeError:
        raise InvalidParams(
            '\'params\' of tools/call must be {"name": <tool>, "arguments": {...}}'
        ) from None
    arguments = bytes(call.arguments)
    if arguments[:1] != b"{":
        raise InvalidParams("'arguments' must be an object")
    return call.name, arguments


class _Success(msgspec.Struct):
    result: Raw
    id: Raw
    jsonrpc: str = "2.0"


class _Error(msgspec.Struct, omit_defaults=True):
    code: int
    message: str
    data: dict[str, object] | None = None


class _Failure(msgspec.Struct):
    error: _Error
    id: Raw
    jsonrpc: str = "2.0"


def success(request_id: Raw, result: bytes) -> bytes:
    """The response that carries ``result`` (JSON)."""
    return _encoder.encode(_Success(Raw(result), request_id))


def failure(request_id: Raw, error: DynogateError) -> bytes:
    """The response that carries ``error``."""
    return _encoder.encode(_Failure(_Error(error.code, error.message, error.data), request_id))


def batch(responses: list[bytes]) -> bytes:
    """The response to a batch."""
    return b"[" + b",".join(responses) + b"]"

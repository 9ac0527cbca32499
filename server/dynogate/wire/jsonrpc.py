"""JSON-RPC 2.0 as data: from bytes to requests, and from answers to bytes.

Source: https://www.jsonrpc.org/specification. The envelope is decoded with msgspec; ``params``
stays raw until the tool is known, so that nothing is decoded twice.
"""

from typing import Literal

import msgspec

from dynogate.errors import DynogateError, InvalidParams, InvalidRequest, ParseError

Raw = msgspec.Raw
NULL_ID = Raw(b"null")
_ID_BYTES = 1024  # many a reader takes no number of more digits back
_ID_START = frozenset(b'"-0123456789n')


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request.

    Attributes:
        id: the raw JSON of the id, echoed as it came; None for a notification.
        params: the raw JSON of the params; None where there are none.
    """

    method: str
    params: bytes | None
    id: Raw | None


class BadRequest(msgspec.Struct, frozen=True):
    """A member of a batch (or a lone request) that is no valid request, and the id to answer."""

    error: DynogateError
    id: Raw


class _Envelope(msgspec.Struct, gc=False):
    jsonrpc: Literal["2.0"]
    method: str
    params: Raw | msgspec.UnsetType = msgspec.UNSET
    id: Raw | msgspec.UnsetType = msgspec.UNSET


class _AnyObject(msgspec.Struct):
    jsonrpc: Raw | msgspec.UnsetType = msgspec.UNSET
    method: Raw | msgspec.UnsetType = msgspec.UNSET
    params: Raw | msgspec.UnsetType = msgspec.UNSET
    id: Raw | msgspec.UnsetType = msgspec.UNSET


class CallParams(msgspec.Struct, forbid_unknown_fields=False):
    """The params of ``tools/call``."""

    name: str
    arguments: Raw = Raw(b"{}")


_envelope = msgspec.json.Decoder(_Envelope)
_any_object = msgspec.json.Decoder(_AnyObject)
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
        return _bad(data)
    request_id = params = None
    if envelope.id is not msgspec.UNSET:
        if not _is_id(bytes(envelope.id)):
            return _bad(data)
        request_id = envelope.id.copy()  # else it would keep the whole body
    if envelope.params is not msgspec.UNSET:
        params = bytes(envelope.params)
        if params[0] not in b"{[":
            return _bad(data)
    return Request(envelope.method, params, request_id)


def _is_id(data: bytes) -> bool:
    return data[0] in _ID_START and len(data) <= _ID_BYTES


def _bad(data: bytes) -> BadRequest:
    """What is wrong with a message that is no request, and the id to tell it to."""
    try:
        found = _any_object.decode(data)
    except msgspec.ValidationError:
        return BadRequest(InvalidRequest("a request must be a JSON object"), NULL_ID)
    request_id = NULL_ID if found.id is msgspec.UNSET else found.id.copy()
    if not _is_id(bytes(request_id)):
        problem = f"'id' must be a string, a number or null, of at most {_ID_BYTES} bytes"
        return BadRequest(InvalidRequest(problem), NULL_ID)
    if found.jsonrpc is msgspec.UNSET or bytes(found.jsonrpc) != b'"2.0"':
        return BadRequest(InvalidRequest("'jsonrpc' must be \"2.0\""), request_id)
    if found.method is msgspec.UNSET or bytes(found.method)[:1] != b'"':
        problem = "'method' must be a string: a tool's name, or \"tools/call\""
        return BadRequest(InvalidRequest(problem), request_id)
    return BadRequest(InvalidRequest("'params' must be an object"), request_id)


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
    return _encoder.encode(_Failure(_error(error), request_id))


def error_object(error: DynogateError) -> bytes:
    """The ``error`` member of that response alone."""
    return _encoder.encode(_error(error))


def _error(error: DynogateError) -> _Error:
    return _Error(error.code, error.message, error.data)


def batch(responses: list[bytes]) -> bytes:
    """The response to a batch."""
    return b"[" + b",".join(responses) + b"]"

"""The headers of MCP over HTTP, and whether they say what the body says.

Source: MCP 2026-07-28, ``basic/transports/streamable-http``, "Request Metadata".
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from dynogate.errors import HeaderMismatch
from dynogate.wire.fields import Fields
from dynogate.wire.mcp import LEGACY, MODERN, Message, alone_version, unsupported

_PARAM = b"mcp-param-"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")  # RFC 9110, 5.6.2
_INTEGER = re.compile(r"(-?\d{1,64})(\.0+)?")
_MARK = "x-mcp-header"

# The methods whose Mcp-Name repeats a member of the params, and which.
_NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "task_id",
    "tasks/update": "task_id",
    "tasks/cancel": "task_id",
}


class McpHeaders(msgspec.Struct):
    """The MCP headers of one HTTP request, as they came; None where there is none."""

    version: str | None = None
    method: str | None = None
    name: str | None = None
    session: str | None = None
    last_event_id: str | None = None
    accept: str = "*/*"


_FIELDS = (
    (b"mcp-protocol-version", "version"),
    (b"mcp-method", "method"),
    (b"mcp-name", "name"),
    (b"mcp-session-id", "session"),
    (b"last-event-id", "last_event_id"),
    (b"accept", "accept"),
)
_ONCE = frozenset(name for name, _ in _FIELDS[:-1])


def read_headers(fields: Fields) -> McpHeaders:
    """Pick the MCP headers out of all.

    Raises:
        HeaderMismatch: one is there twice: two readers could take a different one.
    """
    for name in fields.repeated:
        if name in _ONCE or name.startswith(_PARAM):
            raise HeaderMismatch(f"header {name.decode('latin-1')} was sent more than once")
    found = McpHeaders()
    for name, attribute in _FIELDS:
        value = fields.get(name)
        if value is not None:
            setattr(found, attribute, _text(value))
    if b"accept" in fields.repeated:
        found.accept = ",".join(_text(value) for name, value in fields.raw if name == b"accept")
    return found


def _text(value: bytes) -> str:
    """A field's value without the whitespace around it (RFC 9110, 5.5), which servers leave in."""
    return value.strip(b" \t").decode("latin-1")


def accepts(headers: McpHeaders, media_type: str) -> bool:
    """Whether the Accept header allows ``media_type``; without one it allows any."""
    kind = media_type.partition("/")[0]
    accepted = headers.accept.lower().split(",")
    wanted = {part.partition(";")[0].strip() for part in accepted}
    return not wanted.isdisjoint((media_type, f"{kind}/*", "*/*"))


def claims_to_stand_alone(headers: McpHeaders, message: Message) -> bool:
    """Whether a request is of the modern era, by its ``_meta`` or its version header.

    What is of neither era is told so by :func:`check_alone`.
    """
    if message.head.meta.protocol_version is not msgspec.UNSET:
        return True
    return headers.version is not None and headers.version not in LEGACY


def check_alone(headers: McpHeaders, message: Message) -> None:
    """See that a modern request has all that it needs, and its headers say what its body says.

    Raises:
        InvalidParams: ``_meta`` lacks something.
        HeaderMismatch: a header is missing or differs.
        UnsupportedVersion: the version is not one of requests that stand alone.
    """
    version = alone_version(message)
    if headers.version != version:
        raise _differs("MCP-Protocol-Version", headers.version, version)
    if version != MODERN:
        raise unsupported(version)
    if headers.method != message.method:
        raise _differs("Mcp-Method", headers.method, message.method)
    member = _NAMED.get(message.method)
    if member is None:
        return
    value = getattr(message.head, member)
    if value is msgspec.UNSET:
        return  # the method itself says what is missing
    if headers.name != value and (headers.name is None or decoded(headers.name) != value):
        raise _differs("Mcp-Name", headers.name, value)


def decoded(value: str) -> str:
    """A header's value, out of its ``=?base64?...?=`` wrapping where it has one.

    Raises:
        HeaderMismatch: the wrapping holds no base64 of UTF-8, or there are characters in the
            value that no header may have.
    """
    if value.startswith("=?base64?") and value.endswith("?="):
        try:
            return base64.b64decode(value[9:-2], validate=True).decode("utf-8")
        except (binascii.Error, ValueError):
            raise HeaderMismatch(f"header value {value[:80]!r} is not base64 of UTF-8") from None
    if not (value.isascii() and value.replace("\t", " ").isprintable()):
        raise HeaderMismatch(f"header value {value[:80]!r} has characters to be sent as base64")
    return value


def _differs(header: str, sent: str | None, expected: str) -> HeaderMismatch:
    if sent is None:
        return HeaderMismatch(f"header {header} is missing; the body says {expected[:80]!r}")
    return HeaderMismatch(f"header {header} says {sent[:80]!r}, the body says {expected[:80]!r}")


@dataclass(frozen=True, slots=True)
class Mirror:
    """An argument that clients repeat in a header.

    Attributes:
        header: the lower-case name after ``Mcp-Param-``.
        path: the keys that lead to the argument's value.
    """

    header: str
    path: tuple[str, ...]

    @property
    def field(self) -> bytes:
        """The whole name, as ASGI has it."""
        return _PARAM + self.header.encode()


def mirrors(schema: Mapping[str, Any]) -> tuple[Mirror, ...]:
    """The arguments that an ``inputSchema`` marks with ``x-mcp-header``.

    Raises:
        ValueError: a mark breaks a rule, so that clients would not take the tool.
    """
    found = tuple(_marked(schema, ()))
    names = [mirror.header for mirror in found]
    if len(names) != len(set(names)):
        raise ValueError(f"{_MARK}: two arguments have one header name ({', '.join(names)})")
    if str(schema).count(f"'{_MARK}'") != len(found):
        raise ValueError(f"{_MARK}: only plain properties can be marked")
    return found


def _marked(schema: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[Mirror]:
    for name, member in schema.get("properties", {}).items():
        if _MARK in member:
            header = member[_MARK]
            if not isinstance(header, str) or not _TOKEN.fullmatch(header):
                raise ValueError(f"{_MARK}: {header!r} cannot be part of a header's name")
            if member.get("type") not in ("string", "integer", "boolean"):
                raise ValueError(f"{_MARK}: {name!r} is no string, integer or boolean")
            yield Mirror(header.lower(), (*path, name))
        yield from _marked(member, (*path, name))


def check_mirrors(found: Sequence[Mirror], fields: Fields, arguments: bytes) -> None:
    """Compare the ``Mcp-Param-*`` headers with the arguments they repeat.

    Args:
        arguments: a JSON object.

    Raises:
        HeaderMismatch: one is missing, should not be there, is malformed or differs.
    """
    given = msgspec.json.decode(arguments)
    for mirror in found:
        value: Any = given
        for key in mirror.path:
            value = value.get(key) if isinstance(value, dict) else None
        field = fields.get(mirror.field)
        sent = None if field is None else _text(field)
        if value is None and sent is None:
            continue
        name = f"Mcp-Param-{mirror.header}"
        if value is None:
            raise HeaderMismatch(f"header {name} has no argument that it repeats")
        if sent is None or not _same(decoded(sent), value):
            raise _differs(name, sent, str(value))


def _same(sent: str, value: object) -> bool:
    if isinstance(value, bool):
        return sent == ("true" if value else "false")
    if isinstance(value, int):
        whole = _INTEGER.fullmatch(sent)
        return whole is not None and int(whole[1]) == value
    return sent == value

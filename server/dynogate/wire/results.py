"""The result of a tool call as MCP defines it (CallToolResult), encoded.

Source: Model Context Protocol, ``server/tools``: ``content`` is for a reader, ``structuredContent``
is typed data that matches the tool's ``outputSchema``, ``isError`` tells a failed tool.
"""

import msgspec

from dynogate.errors import DynogateError


class TextContent(msgspec.Struct, tag_field="type", tag="text"):
    """A text that a person or a model reads."""

    text: str


class CallToolResult(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a tool call gives back."""

    content: list[TextContent]
    is_error: bool
    structured_content: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_encoder = msgspec.json.Encoder()


def tool_result(text: str, structured: bytes) -> bytes:
    """The result of a tool that did what it was asked; ``structured`` is JSON."""
    return _encoder.encode(CallToolResult([TextContent(text)], False, msgspec.Raw(structured)))


def tool_failure(error: DynogateError) -> bytes:
    """The result of a tool that failed: the message to read, and code and details as data."""
    structured = _encoder.encode({"code": error.code, **(error.data or {})})
    text = [TextContent(error.message)]
    return _encoder.encode(CallToolResult(text, True, msgspec.Raw(structured)))

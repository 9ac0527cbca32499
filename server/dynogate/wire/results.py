"""The result of a tool call as MCP defines it (CallToolResult), encoded.

Source: Model Context Protocol, ``server/tools``: ``content`` is for a reader, ``structuredContent``
is typed data that matches the tool's ``outputSchema``, ``isError`` tells a failed tool. The content
blocks are those of prompts, too.
"""

from collections.abc import Sequence

import msgspec

from dynogate.errors import DynogateError


class TextContent(msgspec.Struct, tag_field="type", tag="text"):
    """A text that a person or a model reads."""

    text: str


class ImageContent(msgspec.Struct, tag_field="type", tag="image", rename="camel"):
    """An image; on the wire ``data`` is base64."""

    data: bytes
    mime_type: str


class AudioContent(msgspec.Struct, tag_field="type", tag="audio", rename="camel"):
    """A sound; on the wire ``data`` is base64."""

    data: bytes
    mime_type: str


class TextResource(msgspec.Struct, rename="camel"):
    """What a resource holds, as text."""

    uri: str
    mime_type: str
    text: str


class BlobResource(msgspec.Struct, rename="camel"):
    """What a resource holds, as bytes; on the wire they are base64."""

    uri: str
    mime_type: str
    blob: bytes


class EmbeddedResource(msgspec.Struct, tag_field="type", tag="resource"):
    """A resource and what it holds."""

    resource: TextResource | BlobResource


class ResourceLink(
    msgspec.Struct, tag_field="type", tag="resource_link", rename="camel", omit_defaults=True
):
    """A resource that the client may read."""

    uri: str
    name: str
    description: str = ""
    mime_type: str = ""


Content = TextContent | ImageContent | AudioContent | EmbeddedResource | ResourceLink


class CallToolResult(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a tool call gives back."""

    content: Sequence[Content]
    is_error: bool
    structured_content: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_encoder = msgspec.json.Encoder()


def tool_result(text: str, structured: bytes) -> bytes:
    """The result of a tool that did what it was asked; ``structured`` is JSON."""
    return content_result([TextContent(text)], structured)


def content_result(content: Sequence[Content], structured: bytes) -> bytes:
    """The same for a tool that gives more than text."""
    return _encoder.encode(CallToolResult(content, False, msgspec.Raw(structured)))


def tool_failure(error: DynogateError) -> bytes:
    """The result of a tool that failed: the message to read, and code and details as data."""
    structured = _encoder.encode({"code": error.code, **(error.data or {})})
    text = [TextContent(error.message)]
    return _encoder.encode(CallToolResult(text, True, msgspec.Raw(structured)))

"""What a toolset lets clients read besides calling tools: resources, named by URI.

Source: MCP, ``server/resources``. A resource has a URI, or a template of one (RFC 6570, simple
``{variables}`` only) that stands for many.
"""

import re
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from dynogate.tools.context import Services, ToolContext

_VARIABLE = re.compile(r"\{(\w+)\}")

Completer = Callable[[ToolContext, str, Mapping[str, str]], Awaitable[list[str]]]
"""Given what was typed so far and the other arguments: what it may become, likeliest first."""

Reader = Callable[..., Awaitable[str | bytes | None]]
"""Given the context and the template's variables by name: the text or bytes, None if not there."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource in a list."""

    uri: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the resources that a template stands for; next_cursor is None on the last page."""

    entries: list[Entry]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A resource, or the template of many.

    Attributes:
        uri: with ``{variables}``, it is a template.
        read: gives the contents.
        page: lists what a template stands for, given a cursor; None: it is not listed.
        marker: something that differs whenever the list has changed; None: it never does.
        complete: completers of the template's variables, by name.
    """

    uri: str
    name: str
    description: str
    mime_type: str
    read: Reader
    page: Callable[[ToolContext, str | None], Awaitable[Page]] | None = None
    marker: Callable[[Services], Hashable] | None = None
    complete: Mapping[str, Completer] = field(default_factory=dict)

    @property
    def is_template(self) -> bool:
        """Whether the URI has variables."""
        return _VARIABLE.search(self.uri) is not None

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables that make the template ``uri``, or None where none do."""
        parts = _VARIABLE.split(self.uri)  # literal, variable, literal, ...
        pattern = "".join(
            f"(?P<{part}>[^/?#]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
        found = re.fullmatch(pattern, uri)
        return found and {name: unquote(value) for name, value in found.groupdict().items()}

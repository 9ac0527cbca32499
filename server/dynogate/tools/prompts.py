"""What a toolset lets people start with: prompts, filled in with arguments.

Source: MCP, ``server/prompts``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from pydantic import BaseModel

from dynogate.tools.resources import Completer
from dynogate.wire.results import Content, TextContent


class PromptMessage(msgspec.Struct):
    """One message for a model."""

    role: Literal["user", "assistant"]
    content: Content


def user_text(text: str) -> PromptMessage:
    """A text that the user says."""
    return PromptMessage("user", TextContent(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One prompt; its arguments are strings.

    Attributes:
        write: given the context and the arguments by name, the messages.
        complete: completers of arguments, by name.
    """

    name: str
    description: str
    arguments: type[BaseModel]
    write: Callable[..., Awaitable[list[PromptMessage]]]
    complete: Mapping[str, Completer] = field(default_factory=dict)

    def listing(self) -> dict[str, object]:
        """The prompt's entry in ``prompts/list``."""
        fields = self.arguments.model_fields
        return {
            "name": self.name,
            "description": self.description,
            "arguments": [
                {
                    "name": name,
                    "description": info.description or "",
                    "required": info.is_required(),
                }
                for name, info in fields.items()
            ],
        }

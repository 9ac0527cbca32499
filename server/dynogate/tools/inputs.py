"""What a tool, prompt or resource may ask of the client before it can give its answer.

Source: MCP 2026-07-28, ``basic/patterns/mrtr``; in the legacy eras the same are requests that the
server sends. A tool asks with ``await context.client.ask({name: request})`` and gets the answers
by name.

A modern client answers by sending its call again, so that the tool runs again *from its start*:
ask before doing anything that must happen once. In a session the tool waits where it asks, and
after `ToolContext.defer` in a task, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Method = Literal["elicitation/create", "sampling/createMessage", "roots/list"]

Answer = dict[str, Any]
"""A client's result, as it came: an attacker may have written it."""


@dataclass(frozen=True, slots=True)
class InputRequest:
    """One thing to ask."""

    method: Method
    params: Mapping[str, object]

    @property
    def capability(self) -> str:
        """What a client must have declared to be asked this."""
        return self.method.partition("/")[0]

    def as_mcp(self) -> dict[str, object]:
        """The request as it is on the wire."""
        return {"method": self.method, "params": dict(self.params)}


ROOTS = InputRequest("roots/list", {})
"""Which directories the user works in."""


def form(message: str, schema: Mapping[str, object]) -> InputRequest:
    """Have the user fill in a form.

    Args:
        schema: a JSON Schema of an object with plain properties.
    """
    params = {"mode": "form", "message": message, "requestedSchema": schema}
    return InputRequest("elicitation/create", params)


def sampling(prompt: str, *, max_tokens: int) -> InputRequest:
    """Have the client's model continue after ``prompt``."""
    message = {"role": "user", "content": {"type": "text", "text": prompt}}
    return InputRequest("sampling/createMessage", {"messages": [message], "maxTokens": max_tokens})


def accepted(answer: Answer) -> dict[str, Any] | None:
    """What the user filled in, or None where they declined or went away."""
    content = answer.get("content")
    return content if answer.get("action") == "accept" and isinstance(content, dict) else None


class InputRequired(Exception):
    """Raised through a tool to have the client asked and the call sent again; not an error."""

    def __init__(self, requests: Mapping[str, InputRequest]) -> None:
        super().__init__(", ".join(requests))
        self.requests = requests

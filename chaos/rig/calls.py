"""Single calls of the gateway, and what they are told."""

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx2

from chaos.rig.plain import own_connections
from chaos.rig.rig import current

INTERNAL = -32603
"""The code of a fault in the gateway."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a call.

    Attributes:
        status: HTTP's; 0 where no answer came.
        code: of the JSON-RPC error; 0 for a result, and where no answer came.
        message: of the error, or of what kept the answer from coming.
        retry_after: of the header; None without one.
        seconds: until the answer was there.
    """

    status: int
    code: int
    message: str
    retry_after: float | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it is a result."""
        return self.status == 200 and not self.code

    @property
    def is_typed_error(self) -> bool:
        """Whether the gateway said what is the matter, and that it is no fault of its own."""
        return self.status >= 400 and self.code not in (0, INTERNAL) and bool(self.message)


def call(
    tool: str,
    arguments: dict[str, Any] | None = None,
    *,
    headers: dict[str, str] | None = None,
    client: httpx2.Client | None = None,
    timeout: float = 15.0,
) -> Told:
    """Call a tool by its name.

    Args:
        tool: its name.
        arguments: its arguments.
        headers: besides the credential, where one is needed.
        client: whose connections to use; None for one of its own.
        timeout: seconds to wait for the answer.
    """
    rig = current()
    head = {} if rig.issuer is None else {"authorization": f"Bearer {rig.issuer.token()}"}
    body = {"jsonrpc": "2.0", "id": 1, "method": tool, "params": arguments or {}}
    start = time.monotonic()
    try:
        answer = (client or own_connections()).post(
            f"{rig.gateway.url}/mcp/tools/call",
            json=body,
            headers={**head, **(headers or {})},
            timeout=timeout,
        )
    except httpx2.TransportError as error:
        return Told(0, 0, f"{type(error).__name__}: {error}", None, time.monotonic() - start)
    took = time.monotonic() - start
    wait = answer.headers.get("retry-after")
    try:
        told = answer.json().get("error") or {}
    except json.JSONDecodeError:
        told = {"message": answer.text[:200]}
    return Told(
        answer.status_code,
        int(told.get("code", 0)),
        str(told.get("message", "")),
        None if wait is None else float(wait),
        took,
    )

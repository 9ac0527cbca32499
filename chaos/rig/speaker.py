"""A small MCP client of the tasks extension (2026-07-28)."""

from typing import Any

import httpx2

from chaos.rig.rig import current
from dynogate.tls import NO_TLS

_PREFIX = "io.modelcontextprotocol/"
_VERSION = "2026-07-28"
_META = {
    _PREFIX + "protocolVersion": _VERSION,
    _PREFIX + "clientCapabilities": {"extensions": {_PREFIX + "tasks": {}}},
    _PREFIX + "clientInfo": {"name": "chaos", "version": "1"},
}


class Speaker:
    """Speaks to the rig's gateway; a context manager.

    Every method raises ``httpx2.TransportError`` where nobody answers.
    """

    def __init__(self) -> None:
        rig = current()
        self._url = f"{rig.gateway.url}/mcp"
        token = {} if rig.issuer is None else {"authorization": f"Bearer {rig.issuer.token()}"}
        self._client = httpx2.Client(headers=token, timeout=10.0, verify=NO_TLS)

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """The answer to a call of a tool, with ``result`` or ``error``."""
        return self._ask("tools/call", tool, {"name": tool, "arguments": arguments})

    def task(self, task_id: str) -> dict[str, Any]:
        """What is said of a task, with ``result`` or ``error``."""
        return self._ask("tasks/get", task_id, {"taskId": task_id})

    def _ask(self, method: str, name: str, params: dict[str, object]) -> dict[str, Any]:
        headers = {
            "accept": "application/json",
            "mcp-protocol-version": _VERSION,
            "mcp-method": method,
            "mcp-name": name,
        }
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": _META}}
        answer: dict[str, Any] = self._client.post(self._url, json=body, headers=headers).json()
        return answer

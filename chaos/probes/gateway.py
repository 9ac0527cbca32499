"""What the gateway says of itself, asked around every link."""

import httpx2

from chaos.rig.rig import current


def ready() -> bool:
    """Whether the gateway is ready and answers a call of ``echo``."""
    rig = current()
    body = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {}}
    headers = {}
    if rig.issuer is not None:
        headers["authorization"] = f"Bearer {rig.issuer.token()}"
    answer = httpx2.post(f"{rig.gateway.url}/mcp/tools/call", json=body, headers=headers, timeout=5)
    return rig.gateway.ready() and "result" in answer.json()

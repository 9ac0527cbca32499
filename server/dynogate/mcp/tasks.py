"""``tasks/*``: the tasks extension, by which clients come back for the results of long calls.

Source: SEP-2663, https://modelcontextprotocol.io/seps/2663-tasks-extension. Only requests that
stand alone can have to do with tasks, and each has to declare the extension.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from dynogate.errors import DynogateError, InternalError, MissingCapability, UnknownResource
from dynogate.gateway import Gateway
from dynogate.mcp.exchange import Request, read_params
from dynogate.mcp.method import Method, Whole
from dynogate.mcp.server import INFO
from dynogate.store.clock import from_us
from dynogate.store.tasks import COMPLETED, FAILED, INPUT_REQUIRED, TaskRow
from dynogate.tools.inputs import Answer
from dynogate.tools.registry import Scope, Tool
from dynogate.tools.tasks import DeferredCall
from dynogate.wire.jsonrpc import Raw, error_object
from dynogate.wire.mcp import SERVER_INFO, TASKS_EXTENSION, Decoration, encode

POLL_INTERVAL_MS = 1000
"""How often a client should ask about a task that has not ended."""

_decorated = Decoration(INFO)
_extensions = msgspec.json.Decoder(dict[str, Raw])


class _Named(msgspec.Struct, rename="camel"):
    task_id: str


class _Update(_Named, rename="camel"):
    input_responses: dict[str, Answer]


def methods(gateway: Gateway) -> list[Method]:
    """Those that are about tasks."""
    runner = gateway.tasks

    async def get(request: Request) -> bytes:
        row = await _task(gateway, request, "tools:read")
        return encode(detailed(row))

    async def update(request: Request) -> bytes:
        row = await _task(gateway, request)
        answers = read_params(request, _Update).input_responses
        await runner.answer(row.id, request.caller.principal, answers)
        return b"{}"

    async def cancel(request: Request) -> bytes:
        row = await _task(gateway, request)
        await runner.cancel(row.id, request.caller.principal)
        return b"{}"

    return [
        Method(name="tasks/get", serve=get, legacy=False),
        Method(name="tasks/update", serve=update, legacy=False),
        Method(name="tasks/cancel", serve=cancel, legacy=False),
    ]


def declares_tasks(request: Request) -> bool:
    """Whether the client that sent ``request`` can come back for its result."""
    declared = request.message.head.meta.client_capabilities
    if not request.is_modern or declared is msgspec.UNSET or "extensions" not in declared:
        return False
    try:
        return TASKS_EXTENSION in _extensions.decode(declared["extensions"])
    except msgspec.DecodeError:
        return False


def require_tasks(request: Request) -> None:
    """See that the client can have to do with tasks.

    Raises:
        MissingCapability: it did not declare that.
    """
    if not declares_tasks(request):
        raise MissingCapability(
            f"{request.message.method}: declare the extension {TASKS_EXTENSION}",
            data={"requiredCapabilities": {"extensions": {TASKS_EXTENSION: {}}}},
        )


async def call(
    gateway: Gateway,
    request: Request,
    tool: Tool,
    arguments: bytes,
    failed: Callable[[Request, DynogateError], bytes | None],
) -> bytes:
    """Call a long tool for a client that can come back for its result.

    Args:
        failed: the result that tells of an error, or None for one of the protocol.

    Returns:
        The tool's result, or what the client is to know of the task that it became.

    Raises:
        DynogateError: what went wrong before it was a task.
    """
    caller = replace(request.caller, timeout_sec=None)  # that is for those who wait

    async def run(deferred: DeferredCall) -> bytes:
        return await gateway.call(
            tool,
            arguments,
            caller,
            request.transport,
            progress=deferred.progress,
            client=deferred,
            deferral=deferred.defer,
            version=request.version,
            parent=request.message.head.meta.trace_parent(),
        )

    made = await gateway.tasks.call(
        caller.principal,
        tool.name,
        run,
        client=request.client(),
        progress=request.progress(),
        failed=lambda error: failed(request, error),
    )
    if isinstance(made, bytes):
        return made
    return Whole(encode({"resultType": "task", **_told(made), "_meta": {SERVER_INFO: INFO}}))


def detailed(row: TaskRow) -> dict[str, Any]:
    """A task with what its status comes with: ``DetailedTask``."""
    told = _told(row)
    if row.state == INPUT_REQUIRED:
        told["inputRequests"] = row.requests
    elif row.state == COMPLETED and row.outcome is not None:
        told["result"] = Raw(_decorated(row.outcome))
    elif row.state == FAILED:
        told["error"] = Raw(row.outcome or error_object(InternalError(row.message or "lost")))
    return told


def _told(row: TaskRow) -> dict[str, Any]:
    told: dict[str, Any] = {
        "taskId": row.id,
        "status": row.state,
        "createdAt": _instant(row.created_us),
        "lastUpdatedAt": _instant(row.updated_us),
        "ttlMs": (row.expires_us - row.created_us) // 1000,
    }
    if row.message:
        told["statusMessage"] = row.message
    if not row.has_ended:
        told["pollIntervalMs"] = POLL_INTERVAL_MS
    return told


def _instant(microseconds: int) -> str:
    return from_us(microseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _task(gateway: Gateway, request: Request, scope: Scope | None = None) -> TaskRow:
    """The caller's task that ``request`` names; without ``scope``, that of its tool is needed."""
    require_tasks(request)
    gateway.guards.require(request.caller, "tools:read")
    task_id = read_params(request, _Named).task_id
    row = await gateway.tasks.get(task_id, request.caller.principal)
    if row is None:
        raise UnknownResource(
            f"you have no task {task_id[:80]!r}: there never was one, or its time is over"
        )
    tool = gateway.registry.get(row.tool)
    gateway.guards.require(request.caller, scope or (tool.scope if tool else "tools:execute"))
    return row

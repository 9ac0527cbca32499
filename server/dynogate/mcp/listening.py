"""``subscriptions/listen``, and who is told of which change.

Source: MCP 2026-07-28, ``basic/patterns/subscriptions``; for sessions, 2025-11-25,
``server/resources`` and the ``list_changed`` notifications.
"""

import msgspec

from dynogate.errors import InvalidParams
from dynogate.gateway import Gateway
from dynogate.mcp import resources, tasks
from dynogate.mcp.exchange import Request, read_params
from dynogate.mcp.method import Method, Whole
from dynogate.mcp.session import MAX_URI, Session
from dynogate.store.tasks import TaskRow
from dynogate.tools.changes import Change, ListChanged, ListName
from dynogate.wire.mcp import SUBSCRIPTION_ID, encode

_MAX_URIS = 256
_MAX_TASKS = 100


class _Filter(msgspec.Struct, rename="camel", omit_defaults=True):
    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[str] = []
    task_ids: list[str] = []


class _Listen(msgspec.Struct):
    notifications: _Filter


def methods(gateway: Gateway) -> list[Method]:
    """The one method."""

    async def listen(request: Request) -> bytes:
        gateway.guards.require(request.caller, "tools:read")
        asked = read_params(request, _Listen).notifications
        watched = await _watched(gateway, request, asked.task_ids)
        wanted = _honoured(gateway, asked)
        wanted.task_ids = [row.id for row in watched]
        lists = _lists(wanted)
        uris = frozenset(wanted.resource_subscriptions)
        meta = {SUBSCRIPTION_ID: request.message.id}

        def tell(change: Change) -> None:
            if change.name in lists if isinstance(change, ListChanged) else change.uri in uris:
                method, params = notification_of(change)
                request.channel.notify(method, {"_meta": meta, **params})

        request.channel.notify(
            "notifications/subscriptions/acknowledged", {"_meta": meta, "notifications": wanted}
        )

        def tell_of_task(row: TaskRow) -> None:
            params = {"_meta": meta, **tasks.detailed(row)}
            request.channel.notify("notifications/tasks", params)

        stop = gateway.changes.listen(tell)
        stop_watching = gateway.tasks.news.watch(watched, tell_of_task)
        try:
            await gateway.drain.wait()
        finally:
            stop_watching()
            stop()
        return Whole(encode({"resultType": "complete", "_meta": meta}))

    return [Method(name="subscriptions/listen", serve=listen, legacy=False)]


def notification_of(change: Change) -> tuple[str, dict[str, object]]:
    """Method and params of the notification that tells of ``change``."""
    if isinstance(change, ListChanged):
        return f"notifications/{change.name}/list_changed", {}
    return "notifications/resources/updated", {"uri": change.uri}


def concerns(session: Session, change: Change) -> bool:
    """Whether a legacy client is told of ``change``: of lists always, else what it watches."""
    return isinstance(change, ListChanged) or change.uri in session.watched


def _lists(wanted: _Filter) -> frozenset[ListName]:
    told: dict[ListName, bool] = {
        "tools": wanted.tools_list_changed,
        "prompts": wanted.prompts_list_changed,
        "resources": wanted.resources_list_changed,
    }
    return frozenset(name for name, is_wanted in told.items() if is_wanted)


def _honoured(gateway: Gateway, asked: _Filter) -> _Filter:
    """What of ``asked`` there can be news of here."""
    if len(asked.resource_subscriptions) > _MAX_URIS:
        raise InvalidParams(f"subscriptions/listen: at most {_MAX_URIS} resources can be named")
    registry = gateway.registry
    return _Filter(
        tools_list_changed=asked.tools_list_changed,
        prompts_list_changed=asked.prompts_list_changed and bool(registry.prompts),
        resources_list_changed=asked.resources_list_changed and bool(registry.resources),
        resource_subscriptions=[
            uri
            for uri in asked.resource_subscriptions
            if len(uri) <= MAX_URI and resources.look_up(gateway, uri)
        ],
    )


async def _watched(gateway: Gateway, request: Request, task_ids: list[str]) -> list[TaskRow]:
    """Those of the tasks that the caller has, as many as can be watched."""
    if not task_ids:
        return []
    tasks.require_tasks(request)
    if len(task_ids) > _MAX_TASKS:
        raise InvalidParams(f"subscriptions/listen: at most {_MAX_TASKS} tasks can be named")
    principal = request.caller.principal
    found = [await gateway.tasks.get(task_id, principal) for task_id in dict.fromkeys(task_ids)]
    return [row for row in found if row is not None] if gateway.tasks.news.has_room else []

"""From a method's name to what serves it, in either era."""

from collections.abc import Mapping
from typing import TypeVar

from dynogate.errors import DynogateError, InternalError, MethodNotFound
from dynogate.gateway import Gateway
from dynogate.mcp import completion, listening, prompts, resources, server, tasks, tools
from dynogate.mcp.exchange import Request
from dynogate.mcp.method import Method, Whole
from dynogate.mcp.rounds import Rounds
from dynogate.telemetry.logs import get_logger
from dynogate.tools.inputs import InputRequired
from dynogate.wire.mcp import MODERN, Decoration

log = get_logger(__name__)

T = TypeVar("T")


class Router:
    """Serves the requests of MCP, whatever transport brought them."""

    def __init__(self, gateway: Gateway) -> None:
        methods = [
            *server.methods(gateway),
            *tools.methods(gateway),
            *resources.methods(gateway),
            *prompts.methods(gateway),
            *completion.methods(gateway),
            *listening.methods(gateway),
            *tasks.methods(gateway),
        ]
        self._guards = gateway.guards
        self._rounds = Rounds(gateway.secret)
        self._legacy = {method.name: method for method in methods if method.legacy}
        self._modern = {
            method.name: (method, _decoration(method)) for method in methods if method.modern
        }

    async def answer(self, request: Request) -> bytes:
        """The result of ``request``, as JSON.

        Raises:
            DynogateError: why there is none; a fault of ours is logged whole and told as
                InternalError.
        """
        name = request.message.method
        try:
            if name != "tools/call":  # which is counted by its tool
                await self._guards.count(request.caller)
            if request.version != MODERN:
                return await _found(name, self._legacy).serve(request)
            method, decoration = _found(name, self._modern)
            if method.asks:
                self._rounds.resume(request)
            result = await method.serve(request)
            return result if isinstance(result, Whole) else decoration(result)
        except InputRequired as required:
            return self._rounds.ask(request, required)
        except DynogateError:
            raise
        except Exception as error:
            log.exception("method failed", method=name[:80])
            raise InternalError(
                f"{name[:80]} failed because of a fault in the gateway; its log has the details"
            ) from error


def _found(name: str, methods: Mapping[str, T]) -> T:
    """The method of this name.

    Raises:
        MethodNotFound: there is none in this era.
    """
    method = methods.get(name)
    if method is None:
        raise MethodNotFound(
            f"no method is called {name[:80]!r} in this protocol version; there are "
            f"{', '.join(sorted(methods))}"
        )
    return method


def _decoration(method: Method) -> Decoration:
    return Decoration(server.INFO, ttl_ms=method.ttl_ms, scope=method.cache_scope)

"""From a method's name to what serves it, in either era."""

from collections.abc import Iterable

from dynogate.errors import DynogateError, InternalError, MethodNotFound
from dynogate.gateway import Gateway
from dynogate.mcp import completion, listening, prompts, resources, server, tasks, tools
from dynogate.mcp.exchange import Request
from dynogate.mcp.method import Method, Whole
from dynogate.mcp.rounds import Rounds
from dynogate.telemetry.logs import get_logger
from dynogate.tools.inputs import InputRequired
from dynogate.wire.mcp import Decoration

log = get_logger(__name__)


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
        try:
            return await self._result(request)
        except DynogateError:
            raise
        except Exception as error:
            log.exception("method failed", method=request.message.method[:80])
            raise InternalError(
                f"{request.message.method[:80]} failed because of a fault in the gateway; its log "
                "has the details"
            ) from error

    async def _result(self, request: Request) -> bytes:
        name = request.message.method
        if name != "tools/call":  # which is counted by its tool
            await self._guards.count(request.caller)
        if request.is_modern:
            found = self._modern.get(name)
            if found is None:
                raise _unknown(name, self._modern)
            method, decoration = found
            if method.asks:
                self._rounds.resume(request)
            try:
                result = await method.serve(request)
            except InputRequired as required:
                return self._rounds.ask(request, required)
            return result if isinstance(result, Whole) else decoration(result)
        served = self._legacy.get(name)
        if served is None:
            raise _unknown(name, self._legacy)
        return await served.serve(request)


def _decoration(method: Method) -> Decoration:
    return Decoration(server.INFO, ttl_ms=method.ttl_ms, scope=method.cache_scope)


def _unknown(name: str, known: Iterable[str]) -> MethodNotFound:
    return MethodNotFound(
        f"no method is called {name[:80]!r} in this protocol version; there are "
        f"{', '.join(sorted(known))}"
    )

"""The guards in their order, the same for every transport."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dynogate.errors import DynogateError, InsufficientScope
from dynogate.guards.authentication import Authenticator
from dynogate.guards.caller import Caller
from dynogate.guards.origin import OriginGuard
from dynogate.guards.rate_limit import RateLimit
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.registry import Scope, Tool

if TYPE_CHECKING:
    from dynogate.guards.shared_counts import SharedCounts

T = TypeVar("T")


class Guards:
    """Who may come in, and what they may call."""

    def __init__(
        self,
        *,
        origin: OriginGuard,
        authenticator: Authenticator,
        quick: RateLimit | None,
        costly: RateLimit | None,
        shared: "SharedCounts | None",
        metrics: Metrics,
    ) -> None:
        self._origin = origin
        self._authenticator = authenticator
        self._quick = quick
        self._costly = costly
        self._shared = shared
        self._metrics = metrics

    async def identify(self, scope: Mapping[str, Any]) -> Caller:
        """Who sent a request with this ASGI scope: the way in.

        Raises:
            DynogateError: the first guard's that does not let it in.
        """
        try:
            self._origin.check(scope["headers"])
            return await self._authenticator.caller(
                scope["headers"], scope["query_string"], scope["client"]
            )
        except DynogateError as error:
            self._refused(error)
            raise

    async def run(
        self,
        tool: Tool,
        caller: Caller,
        work: Callable[[], Awaitable[T]],
        *,
        client_id: str | None = None,
    ) -> T:
        """Do the ``work`` of calling ``tool``, if ``caller`` may: the way on.

        Args:
            client_id: what the client calls itself.

        Raises:
            DynogateError: the first guard's that does not let it pass, or what ``work`` raises.
        """
        try:
            self.require(caller, tool.scope)
            limit = self._costly if tool.costly else self._quick
            if limit is not None:
                await limit.take(caller.share, client_id)
        except DynogateError as error:
            self._refused(error)
            raise
        return await work()

    async def close(self) -> None:
        """Finish what is still being written, and close connections."""
        await self._authenticator.close()
        if self._shared is not None:
            await self._shared.close()

    def require(self, caller: Caller, scope: Scope) -> None:
        """See that ``caller`` has ``scope``.

        Raises:
            InsufficientScope: they have not.
        """
        if scope not in caller.scopes:
            raise InsufficientScope(
                f"this needs the scope {scope}; the credential has "
                f"{' '.join(sorted(caller.scopes)) or 'none'}",
                scope=scope,
            )

    def _refused(self, error: DynogateError) -> None:
        self._metrics.refused[(type(error).__name__,)].inc()

"""The guards in their order, the same for every transport."""

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from dynogate.errors import Busy, DynogateError, InsufficientScope, Unauthenticated
from dynogate.guards.admission import Admission
from dynogate.guards.authentication import Authenticator
from dynogate.guards.caller import RESOURCES, Caller
from dynogate.guards.origin import OriginGuard
from dynogate.guards.rate_limit import RateLimit
from dynogate.guards.readiness import Check
from dynogate.guards.shedding import CAME_AT, Shedder
from dynogate.guards.wishes import with_wishes
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.registry import Scope, Tool
from dynogate.wire.fields import fields_of

if TYPE_CHECKING:
    from dynogate.guards.shared_counts import SharedCounts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lane:
    """What one kind of call passes: quick ones, or costly ones.

    Attributes:
        rate: how often; None for as often as they like.
        admission: how many at once, and for how long.
    """

    rate: RateLimit | None
    admission: Admission


class Guards:
    """Who may come in, and what they may call.

    ::

        enter      overload -> identify                        (a request, opening a WebSocket)
        identify   Host and Origin -> credential
        look       overload                                    (a message of a WebSocket)
        run        scope -> rate -> places -> deadline         (a call of a tool)
        count      rate                                        (another request of MCP)

    What may wait for the loop is looked at for overload first: that costs least.

    Args:
        quick: what calls of quick tools pass.
        costly: what calls of tools that run programs pass.
        shedder: refuses what waited for too long.
        metadata_url: where clients learn who issues tokens; None where nobody does.
        shared: what is to be closed in the end, where rates are counted over several machines.
    """

    def __init__(
        self,
        *,
        origin: OriginGuard,
        authenticator: Authenticator,
        quick: Lane,
        costly: Lane,
        shedder: Shedder,
        metadata_url: str | None,
        shared: "SharedCounts | None",
        metrics: Metrics,
    ) -> None:
        self._origin = origin
        self._authenticator = authenticator
        self._quick = quick
        self._costly = costly
        self._shedder = shedder
        self._metadata_url = metadata_url
        self._shared = shared
        self._metrics = metrics
        places = quick.admission
        metrics.follow(metrics.admitted, lambda: places.under_way + costly.admission.under_way)
        metrics.follow(metrics.admission_queued, lambda: places.queued)
        metrics.follow(metrics.admission_limit, lambda: places.limit)
        metrics.follow(metrics.late, lambda: shedder.is_late)

    def enter(self, scope: MutableMapping[str, Any]) -> Coroutine[Any, Any, Caller]:
        """Who sent a request with this ASGI scope, if it is not too late to serve it.

        Raises:
            DynogateError: the first guard's that does not let it in.
        """
        came_at = scope.get(CAME_AT)
        if came_at is not None:
            self.look(came_at)
        return self.identify(scope)

    def look(self, came_at: float) -> None:
        """See whether it is too late to serve what came at ``came_at`` (``time.monotonic()``).

        Raises:
            Busy: it is.
        """
        try:
            self._shedder.check(came_at)
        except Busy as error:
            self._refused(error)
            raise

    async def identify(self, scope: MutableMapping[str, Any]) -> Caller:
        """Who sent a request with this ASGI scope.

        Raises:
            DynogateError: the first guard's that does not let it in.
        """
        fields, query, client = fields_of(scope), scope["query_string"], scope["client"]
        try:
            self._origin.check(fields)
            caller = self._authenticator.recognised(fields, query, client)
            if caller is None:
                caller = await self._authenticator.caller(fields, query, client)
            return with_wishes(caller, fields)
        except DynogateError as error:
            self._refused(error, scope["path"])
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
            client_id: what the client calls itself in this call, if not as in its request.

        Raises:
            DynogateError: the first guard's that does not let it pass, or what ``work`` raises.
        """
        self.require(caller, tool.scope)
        lane = self._costly if tool.costly else self._quick
        try:
            if lane.rate is not None:
                await lane.rate.take(caller.share, client_id or caller.client_id)
            return await lane.admission.run(tool.name, caller.share, work, caller.timeout_sec)
        except Busy as error:
            self._refused(error)
            raise

    async def count(self, caller: Caller) -> None:
        """Count a request that calls no tool, as a call of a quick one.

        Raises:
            Busy: ``caller``, or all together, have made too many.
        """
        if self._quick.rate is None:
            return
        try:
            await self._quick.rate.take(caller.share, caller.client_id)
        except Busy as error:
            self._refused(error)
            raise

    def beat(self, lag_sec: float) -> None:
        """Learn how late the event loop is, at a regular look at it."""
        self._shedder.beat(lag_sec)

    def checks(self) -> dict[str, Check]:
        """What they depend on, to be looked at."""
        return {} if self._shared is None else {"rate_limits": Check(self._shared.ping)}

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
        if scope in caller.scopes:
            return
        error = InsufficientScope(
            f"this needs the scope {scope}; the credential has "
            f"{' '.join(sorted(caller.scopes)) or 'none'}",
            scope=scope,
        )
        self._refused(error)
        raise error

    def _refused(self, error: DynogateError, path: str = "") -> None:
        if isinstance(error, Unauthenticated | InsufficientScope) and self._metadata_url:
            suffix = path if path in RESOURCES else ""
            error.resource_metadata = self._metadata_url + suffix
        self._metrics.refused[(type(error).__name__,)].inc()

"""What the gateway depends on over a network, and how each of it is asked: one place for all.

====================  =============================================  ==========================
name                  what it is                                     settings
====================  =============================================  ==========================
``store``             PostgreSQL, where the store is one             ``DYNOGATE_STORE_*``
``rate_limits``       Redis, where several machines share limits     ``DYNOGATE_RATE_LIMIT_*``
``token_issuer``      whoever publishes the keys of access tokens    ``DYNOGATE_JWT_*``
as a tool names it    a server that a tool asks over HTTP            ``DYNOGATE_UPSTREAM_*``
====================  =============================================  ==========================
"""

from dynogate.resilience.breaker import CircuitBreaker
from dynogate.resilience.circuit import State
from dynogate.resilience.http import Upstream
from dynogate.resilience.policy import Policy
from dynogate.settings import Settings
from dynogate.telemetry.metrics import Metrics


class Dependencies:
    """The policies of one server process, and the circuit breakers that were made of them.

    Attributes:
        store: how PostgreSQL is asked.
        rate_limits: how Redis is asked. Never again: what it counted once must not count twice.
        token_issuer: how the issuer of tokens is asked.
        tools: how servers are asked that tools need.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.store = Policy(
            timeout_sec=settings.store_timeout_sec,
            retries=settings.store_retries,
            failures=settings.store_failures,
            recovery_sec=settings.store_recovery_sec,
        )
        self.rate_limits = Policy(
            timeout_sec=settings.rate_limit_timeout_sec,
            retries=0,
            failures=settings.rate_limit_failures,
            recovery_sec=settings.rate_limit_recovery_sec,
        )
        self.token_issuer = Policy(
            timeout_sec=settings.jwt_timeout_sec,
            retries=settings.jwt_retries,
            failures=settings.jwt_failures,
            recovery_sec=settings.jwt_recovery_sec,
        )
        self.tools = Policy(
            timeout_sec=settings.upstream_timeout_sec,
            retries=settings.upstream_retries,
            failures=settings.upstream_failures,
            recovery_sec=settings.upstream_recovery_sec,
        )
        self._upstreams: dict[str, Upstream] = {}
        self._breakers: list[CircuitBreaker] = []
        self._metrics = metrics
        metrics.follow(metrics.circuits_open, self._count_open)

    def upstream(self, name: str, url: str) -> Upstream:
        """The server that tools ask at ``url``: the same one whenever it is named.

        Names come from code, never from clients: each has a breaker, and series of metrics.
        """
        found = self._upstreams.get(name)
        if found is None:
            found = Upstream(name, url, self.tools, on_change=self.changed)
            self._upstreams[name] = found
            self.watch(found.breaker)
        return found

    async def close(self) -> None:
        """Close the connections to what tools ask."""
        for upstream in self._upstreams.values():
            await upstream.close()

    def watch(self, breaker: CircuitBreaker) -> None:
        """Tell of ``breaker`` in readiness and metrics."""
        self._breakers.append(breaker)
        for state in State:  # series are made by one thread only
            self._metrics.circuit_changes[breaker.name, state.value].inc(0)

    def changed(self, name: str, _before: State, after: State) -> None:
        """Count a change of state.

        Safe from any thread: each breaker has series of its own, and holds itself meanwhile.
        """
        self._metrics.circuit_changes[name, after.value].inc()

    async def look(self) -> str:
        """``ok``, or which are open: not asked now, and for how long."""
        shut = [breaker for breaker in self._breakers if breaker.state != State.CLOSED]
        return "; ".join(map(_told, shut)) or "ok"

    def _count_open(self) -> int:
        return sum(breaker.state != State.CLOSED for breaker in self._breakers)


def _told(breaker: CircuitBreaker) -> str:
    if breaker.state == State.OPEN:
        return f"{breaker.name}: open, asked again in {breaker.open_for_sec:.1f} s"
    return f"{breaker.name}: half open, the next call probes it"

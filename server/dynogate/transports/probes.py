"""What operators ask: health, status, metrics, and the catalogue as plain JSON."""

import time
from datetime import UTC, datetime

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dynogate import __version__
from dynogate.gateway import Gateway
from dynogate.telemetry.metrics import CONTENT_TYPE


class Probes:
    """The read-only endpoints of one gateway process.

    Health tells load balancers no more than whether to send calls, so anyone may ask; what the
    gateway holds and does is told to those who may read.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    @property
    def routes(self) -> list[Route]:
        """The endpoints and where they live."""
        return [
            Route("/mcp/tools", self.tools),
            Route("/health", self.health),
            Route("/health/live", self.live),
            Route("/health/ready", self.ready),
            Route("/status", self.status),
            Route("/metrics", self.metrics),
        ]

    async def tools(self, request: Request) -> Response:
        """Every tool with its schemas; encoded once, at start-up."""
        await self._require_reader(request)
        return Response(self._gateway.registry.listing, media_type="application/json")

    async def health(self, request: Request) -> Response:
        """Whether this process serves, since when, and which version."""
        return JSONResponse(self._health())

    async def live(self, request: Request) -> Response:
        """Whether this process answers at all; says nothing of what it depends on."""
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """Whether calls would be served now, and how the things are that it depends on."""
        states = await self._gateway.readiness.states()
        good = all(state.good for state in states.values())
        body = {
            "status": "ready" if good else "not ready",
            "checks": {name: state.text for name, state in states.items()},
        }
        return JSONResponse(body, status_code=200 if good else 503)

    async def status(self, request: Request) -> Response:
        """Health, and what the gateway holds and does, in all its processes."""
        await self._require_reader(request)
        gateway = self._gateway
        gateway.metrics.refresh()
        figures = await anyio.to_thread.run_sync(gateway.metrics.figures)
        store = await anyio.to_thread.run_sync(gateway.store_figures)
        body = {
            **self._health(),
            "workers": figures["dynogate_workers"],
            "total_requests": figures.get("dynogate_http_requests", 0),
            "active_connections": figures["dynogate_connections"],
            "calls_in_flight": figures["dynogate_tool_calls_in_flight"],
            "sessions": figures["dynogate_mcp_sessions"],
            "websockets": figures["dynogate_websockets"],
            "available_tools": [tool.name for tool in gateway.registry],
            "jobs": {
                "running": figures["dynogate_jobs_running"],
                "queued": figures["dynogate_jobs_queued"],
            },
            "store": store,
        }
        return JSONResponse(body)

    async def metrics(self, request: Request) -> Response:
        """Prometheus text, of all processes."""
        await self._require_reader(request)
        metrics = self._gateway.metrics
        metrics.refresh()
        text = await anyio.to_thread.run_sync(metrics.render)
        return Response(text, media_type=CONTENT_TYPE)

    async def _require_reader(self, request: Request) -> None:
        guards = self._gateway.guards
        guards.require(await guards.identify(request.scope), "tools:read")

    def _health(self) -> dict[str, object]:
        return {
            "status": "healthy",
            "timestamp": datetime.now(UTC).isoformat(),
            "version": __version__,
            "uptime_seconds": round(time.monotonic() - self._gateway.started, 3),
        }

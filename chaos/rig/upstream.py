"""A small HTTP service for the gateway to depend on, in a process of its own.

``GET /value`` answers at once, ``POST /orders/{key}`` counts its calls (and so shows a retry of
what must not be retried), ``GET /counts`` tells the counts, ``GET /keys`` the issuer's key set.

    python -m chaos.rig.upstream PORT KEY_SET_FILE
"""

import sys
from collections import Counter
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def application(key_set: bytes) -> Starlette:
    """The service; it counts for as long as it lives."""
    orders: Counter[str] = Counter()
    asked: Counter[str] = Counter()

    async def value(request: Request) -> Response:
        asked["value"] += 1
        return JSONResponse({"value": 42})

    async def order(request: Request) -> Response:
        key = request.path_params["key"]
        orders[key] += 1
        return JSONResponse({"key": key, "times": orders[key]})

    async def counts(request: Request) -> Response:
        return JSONResponse({"asked": asked, "orders": orders})

    async def keys(request: Request) -> Response:
        asked["keys"] += 1
        return Response(key_set, media_type="application/json")

    return Starlette(
        routes=[
            Route("/value", value),
            Route("/orders/{key}", order, methods=["POST"]),
            Route("/counts", counts),
            Route("/keys", keys),
        ]
    )


def main() -> None:
    """Serve until somebody says to end."""
    port, key_set = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    uvicorn.run(application(key_set), port=port, log_level="warning", timeout_keep_alive=60)


if __name__ == "__main__":
    main()

"""Where OAuth clients learn who issues tokens for this gateway (RFC 9728)."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dynogate.guards.caller import ALL_SCOPES, METADATA_PATH, RESOURCES
from dynogate.settings import Settings


class WellKnown:
    """The metadata of the gateway as a protected resource."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def routes(self) -> list[Route]:
        """The endpoints: for the gateway as a whole, and for ``/mcp``."""
        return [Route(METADATA_PATH + path, self.metadata) for path in RESOURCES]

    async def metadata(self, request: Request) -> Response:
        """Who issues tokens, and for what; 404 where nobody does."""
        settings = self._settings
        if settings.jwt_issuer is None:
            raise HTTPException(404)
        body = {
            "resource": settings.base_url + request.url.path.removeprefix(METADATA_PATH),
            "resource_name": "Dynogate",
            "authorization_servers": [settings.jwt_issuer],
            "scopes_supported": sorted(ALL_SCOPES),
            "bearer_methods_supported": ["header"],
        }
        return JSONResponse(body, headers={"cache-control": "public, max-age=300"})

"""uvicorn's HTTP protocol, counting open connections and writing each answer at once."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dynogate.transports.joined import JoinedWrites


class HttpProtocol(HttpToolsProtocol):
    """One client connection.

    Attributes:
        open_connections: how many this process has now.
    """

    open_connections = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Count the connection in."""
        HttpProtocol.open_connections += 1
        super().connection_made(JoinedWrites(transport, self.loop))

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; a WebSocket's messages are written in one piece anyway."""
        if isinstance(self.transport, JoinedWrites):
            self.transport = self.transport.unwrap()
        super().handle_websocket_upgrade()
        del self.parser  # which holds this protocol, which nobody needs any more

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection out."""
        HttpProtocol.open_connections -= 1
        super().connection_lost(exc)

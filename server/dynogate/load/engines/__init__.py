"""How calls are sent: aiohttp for most, own HTTP/1.1 for high rates, and WebSocket."""

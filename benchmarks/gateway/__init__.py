"""What one call costs: Dynogate against raw ASGI, the official MCP SDK and FastMCP."""

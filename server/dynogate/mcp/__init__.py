"""What the methods of MCP do, whatever transport brought them."""

"""JSON-RPC 2.0 and MCP as data: parse, validate, encode. No I/O."""

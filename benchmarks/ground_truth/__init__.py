"""Programs whose hot lines, allocations and leaks are known, and what Dynogate says of them."""

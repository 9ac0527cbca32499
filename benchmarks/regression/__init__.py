"""Performance regression: what the hot paths cost, in this tree and in the one it came from."""

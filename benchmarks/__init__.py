"""Measurements against a named limit or peer; ``python -m benchmarks`` lists them."""

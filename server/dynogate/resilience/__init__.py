"""Retry, circuit breaker and deadline for whatever goes out of the process."""

"""Retry, circuit breaker and deadline for whatever goes out of the process.

``http`` asks another server with all of it; ``shared`` has a breaker of several processes;
``deadline`` tells whatever is done in a block how long it has.
"""

from dynogate.resilience.breaker import CircuitBreaker
from dynogate.resilience.circuit import State
from dynogate.resilience.policy import Policy
from dynogate.resilience.retry import async_retry_with_backoff, retry_with_backoff

__all__ = [
    "CircuitBreaker",
    "Policy",
    "State",
    "async_retry_with_backoff",
    "retry_with_backoff",
]

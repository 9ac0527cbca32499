"""``PerformanceTester``: load tests in a few lines, from a script or a notebook."""

import math
from collections.abc import Mapping
from typing import Any

from dynogate.load.calls import Call, Transport
from dynogate.load.experiments import drifts_of, steps_up_to
from dynogate.load.harness import Harness, Options, Run
from dynogate.load.targets import target


class PerformanceTester:
    """Load tests of the server at ``base_url``: closed loops, as the field's testers have them.

    Results are dictionaries: ``success_rate`` (0 to 1), ``throughput`` (answers a second),
    ``avg_response_time``, ``median_response_time``, ``p95_response_time``, ``p99_response_time``
    (in seconds; None where nothing succeeded), ``concurrent_users``, ``total_requests``,
    ``successful_requests``, ``duration``, ``outcomes`` (calls by how they ended), ``errors``
    (what was wrong, and how often), ``verdict`` (``VALID``, or ``INVALID`` where the generator
    itself was too slow) and ``reasons``.

    Args:
        base_url: as people write it; a path is kept, otherwise the transport's own is added.
        transport: rpc, mcp or ws; default: what the URL looks like.
        tool: what to call; default: the cheapest read-only tool that the server lists.
        arguments: of the tool.
        headers: sent with every request.
        timeout: seconds after which a call has failed.
        options: how loads are made.

    Raises:
        ConfigurationError: the URL or another argument cannot be.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        transport: Transport | None = None,
        tool: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
        options: Options | None = None,
    ) -> None:
        self._target = target(base_url, transport, headers=dict(headers or {}), timeout=timeout)
        self._calls = (Call(tool, dict(arguments or {})),) if tool else ()
        self._options = options

    def _harness(self) -> Harness:
        return Harness(self._target, self._calls, self._options)

    async def single_request_test(self) -> dict[str, Any]:
        """One call.

        Raises:
            GatewayUnreachable: there is no server; so do the others.
        """
        return await self.concurrent_requests_test(1, 1)

    async def concurrent_requests_test(
        self, num_requests: int = 100, num_concurrent: int = 10
    ) -> dict[str, Any]:
        """``num_requests`` calls by ``num_concurrent`` users."""
        async with self._harness() as harness:
            return result_of(await harness.closed_loop(num_concurrent, calls=num_requests))

    async def ramp_up_test(
        self, max_concurrent: int = 50, step_size: int = 5, step_duration: float = 30
    ) -> list[dict[str, Any]]:
        """1 user, then more by ``step_size`` up to ``max_concurrent``, each for a while.

        Returns:
            A result for each step.
        """
        async with self._harness() as harness:
            return [
                result_of(await harness.closed_loop(users, duration=step_duration))
                for users in steps_up_to(max_concurrent, step_size)
            ]

    async def sustained_load_test(
        self, concurrent: int = 10, duration_minutes: float = 10
    ) -> dict[str, Any]:
        """``concurrent`` users for long.

        Returns:
            A result, and ``drift``: for memory, descriptors and latency, whether they grew.
        """
        async with self._harness() as harness:
            run = await harness.closed_loop(concurrent, duration=duration_minutes * 60)
        drift = {each.quantity.name: each.text for each in drifts_of(run)}
        return {**result_of(run), "drift": drift}


def result_of(run: Run) -> dict[str, Any]:
    """A run as a tester's dictionary."""
    samples, times = run.samples, run.samples.response_percentiles()
    outcomes = {outcome.name.lower(): number for outcome, number in samples.counts.items()}
    return {
        "success_rate": _known(samples.success_rate) or 0.0,
        "throughput": _known(samples.throughput) or 0.0,
        "avg_response_time": _known(times.mean),
        "median_response_time": _known(times.p50),
        "p95_response_time": _known(times.p95),
        "p99_response_time": _known(times.p99),
        "concurrent_users": samples.users,
        "total_requests": len(samples),
        "successful_requests": outcomes.get("ok", 0),
        "duration": samples.duration,
        "outcomes": outcomes,
        "errors": dict(run.complaints),
        "verdict": run.certificate.verdict,
        "reasons": list(run.certificate.reasons),
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value

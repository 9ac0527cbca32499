"""Whether a run held: limits from the command line decide the exit status, and no requests fail.

Locust alone ends with 0 where not a single request was made, and knows no limits.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from locust.env import Environment
from locust.runners import WorkerRunner
from locust.stats import StatsEntry

from loadtests import arrivals

log = logging.getLogger(__name__)

FAILED = 1
_LIMITS = ("max-error-rate", "max-p99", "min-rps")
_STALL, _STALL_MS = 20.0, 500.0  # times the median, and ms: a longer answer hid others' waiting
_LATE_SEC = 0.1


class BadLimit(ValueError):
    """A limit on the command line makes no sense; the message says why."""


def install(environment: Environment) -> None:
    """Judge the run of ``environment`` at its end.

    Raises:
        BadLimit: an ``--endpoint`` limit cannot be read.
    """
    if isinstance(environment.runner, WorkerRunner) or environment.parsed_options is None:
        return
    limits = _read_limits(environment.parsed_options)
    environment.events.quitting.add_listener(lambda **_: _conclude(environment, limits))


def _read_limits(options: Any) -> dict[str, dict[str, float]]:
    """Limits by the name of the entry; those of all entries together under the empty name."""
    given = {name: getattr(options, name.replace("-", "_")) for name in _LIMITS}
    limits = {"": {name: value for name, value in given.items() if value is not None}}
    for text in options.endpoint:
        entry, colon, rest = text.rpartition(":")
        name, equals, value = rest.partition("=")
        try:
            if not (entry and colon and equals) or name not in _LIMITS:
                raise ValueError(text)
            limits.setdefault(entry, {})[name] = float(value)
        except ValueError:
            raise BadLimit(
                f"--endpoint {text!r}: write NAME:LIMIT=VALUE with a limit of {', '.join(_LIMITS)}"
            ) from None
    return limits


def _conclude(environment: Environment, limits: dict[str, dict[str, float]]) -> None:
    total = environment.stats.total
    broken = [] if total.num_requests else ["not a single request was made"]
    for entry, own in limits.items():
        stats = _entries(environment, entry)
        if not stats and own:
            broken.append(f"{entry}: no such entry in the statistics")
        broken += [f"{stat.name}: {why}" for stat in stats for why in _exceeded(stat, own)]
    for each in broken:
        log.error("not held: %s", each)
    if broken:
        environment.process_exit_code = FAILED
    elif "max-error-rate" in limits[""]:
        environment.process_exit_code = 0  # the errors that there were are within it
    for doubt in _doubts(environment.stats.entries.values(), arrivals.of(environment)):
        log.warning(doubt)


def _entries(environment: Environment, name: str) -> list[StatsEntry]:
    stats = environment.stats
    return (
        [entry for (own, _), entry in stats.entries.items() if own == name]
        if name
        else [stats.total]
    )


def _exceeded(stat: StatsEntry, limits: dict[str, float]) -> Iterator[str]:
    errors, p99 = stat.fail_ratio, stat.get_response_time_percentile(0.99)
    if errors > limits.get("max-error-rate", 1.0):
        yield f"{errors:.2%} errors, over {limits['max-error-rate']:.2%}"
    if p99 > limits.get("max-p99", float("inf")):
        yield f"p99 {p99:.1f} ms, over {limits['max-p99']:g} ms"
    if stat.total_rps < limits.get("min-rps", 0.0):
        yield f"{stat.total_rps:.1f} requests a second, under {limits['min-rps']:g}"


def _doubts(entries: Iterable[StatsEntry], schedule: arrivals.Arrivals) -> Iterator[str]:
    """What makes the figures say less than they seem to."""
    if schedule.are_scheduled:
        if schedule.worst > _LATE_SEC:
            yield (
                f"requests left up to {schedule.worst:.2f} s late for want of a free user: that is "
                "counted into their response times; with more users (-u) they leave in time"
            )
        return
    stalled = [
        entry.max_response_time
        for entry in entries
        if entry.max_response_time > max(_STALL_MS, _STALL * entry.median_response_time)
    ]
    if stalled:
        yield (
            f"closed loop: users waited up to {max(stalled) / 1000:.1f} s for an answer and asked "
            "nothing meanwhile, so the percentiles hide what others would have waited "
            "(coordinated omission); --rate R gives the true ones"
        )

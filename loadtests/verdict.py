"""Whether a run held: limits from the command line decide the exit status, and no requests fail.

Locust alone ends with 0 where not a single request was made, and knows no limits.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence

from locust.env import Environment
from locust.runners import WorkerRunner
from locust.stats import StatsEntry

from dynogate.load.thresholds import Metric, Observed, Threshold, judge, parse_threshold
from loadtests import arrivals

log = logging.getLogger(__name__)

FAILED = 1
_OPTIONS: dict[Metric, str] = {
    "error_rate": "max_error_rate",
    "p99": "max_p99",
    "rps": "min_rps",
}
_STALL, _STALL_MS = 20.0, 500.0  # times the median, and ms: a longer answer hid others' waiting
_LATE_SEC = 0.1


def install(environment: Environment) -> None:
    """Judge the run of ``environment`` at its end.

    Raises:
        ConfigurationError: a limit on the command line cannot be read.
    """
    if isinstance(environment.runner, WorkerRunner) or environment.parsed_options is None:
        return
    options = environment.parsed_options
    limits = [
        parse_threshold(metric, text)
        for metric, option in _OPTIONS.items()
        for text in getattr(options, option)
    ]
    environment.events.quitting.add_listener(lambda **_: _conclude(environment, limits))


def _conclude(environment: Environment, limits: Sequence[Threshold]) -> None:
    stats = environment.stats
    entries = {entry.name: _observed(entry) for entry in stats.entries.values()}
    judgements = judge(limits, _observed(stats.total), entries)
    for each in judgements:
        if not each.passed:
            log.error("not held: %s", each.text)
    if not all(each.passed for each in judgements):
        environment.process_exit_code = FAILED
    elif any(limit.metric == "error_rate" and limit.endpoint is None for limit in limits):
        environment.process_exit_code = 0  # the failures that there were are within it
    for doubt in _doubts(stats.entries.values(), arrivals.of(environment)):
        log.warning(doubt)


def _observed(entry: StatsEntry) -> Observed:
    answered, failed = entry.num_requests, entry.num_failures
    if not answered:
        return Observed(0, None, None, None)
    return Observed(
        answered=answered,
        error_rate=failed / answered,
        p99=entry.get_response_time_percentile(0.99) / 1000,
        rps=entry.total_rps * (1 - failed / answered),
    )


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

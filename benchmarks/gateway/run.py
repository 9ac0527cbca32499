"""What one call costs: Dynogate against raw ASGI, the official MCP SDK and FastMCP.

``python -m benchmarks.gateway``: every server runs in a process of its own under uvicorn
(httptools, uvloop) on one core, with the same trivial tool among 50; a client on another core
calls it over 16 kept connections. The subjects take turns in random order, round by round, and
ratios are of CPU time within one round. Exit status 1 where a ratio misses its bar. The peers
come with ``scripts/install --bench``.
"""

import os
import random
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks._report import Bar, Report, quantile
from benchmarks.gateway.load import Sample, measure
from benchmarks.gateway.messages import NotServed, request
from benchmarks.gateway.servers import Running, Server
from benchmarks.gateway.subjects import LIMITS, SUBJECTS, Limit, Subject

Samples = dict[str, list[Sample]]


def main(
    *, rounds: int = 15, seconds: float = 0.4, only: list[str] | None = None, json: bool = False
) -> int:
    """Run the benchmark.

    Parameters
    ----------
    rounds: How often each subject is measured.
    seconds: How long each time.
    only: Subjects whose name starts with this; may be given several times. Default: all.
    json: Print JSON.
    """
    subjects = [s for s in SUBJECTS if not only or s.name.startswith(tuple(only))]
    with _pinned() as core, TemporaryDirectory(prefix="dynogate-bench-") as name:
        samples = _measured(subjects, Path(name), core, rounds, seconds)
    chosen = {subject.name for subject in subjects}
    report = Report(
        title=f"One call, medians of {rounds} rounds; ratios paired within a round",
        columns=("subject", "CPU us a call", "calls/s", "server busy", "x raw", "x raw, quartiles"),
        rows=[_row(subject.name, samples) for subject in subjects],
        bars=[bar(limit, samples) for limit in LIMITS if {limit.subject, limit.against} <= chosen],
    )
    return report.finish(as_json=json)


@contextmanager
def _pinned() -> Iterator[int | None]:
    """This process on one core; the servers' core, or None where there is only one."""
    before = os.sched_getaffinity(0)
    ours, *others = sorted(before, reverse=True)
    if not others:
        _say("there is only one core: client and servers share it, and rates are too low")
    os.sched_setaffinity(0, {ours})
    try:
        yield others[-1] if others else None
    finally:
        os.sched_setaffinity(0, before)


def _measured(
    subjects: Sequence[Subject], folder: Path, core: int | None, rounds: int, seconds: float
) -> Samples:
    with ExitStack() as stack:
        running = _start({subject.server for subject in subjects}, folder, core, stack)
        requests = _requests([s for s in subjects if s.server in running], running)
        samples: Samples = {name: [] for name in requests}
        for _ in range(rounds):
            for name in random.sample(sorted(requests), len(requests)):
                server, request = requests[name]
                sample = measure(server.url, request, server.pid, seconds=seconds)
                samples[name].append(sample)
        return samples


def _start(
    servers: Collection[Server], folder: Path, core: int | None, stack: ExitStack
) -> dict[Server, Running]:
    running: dict[Server, Running] = {}
    for server in servers:
        if server.needs is not None and find_spec(server.needs) is None:
            _say(f"{server.needs} is not installed: scripts/install --bench")
            continue
        running[server] = Running(server, folder / str(len(running)), core)
        stack.callback(running[server].stop)
    return running


def _requests(
    subjects: Sequence[Subject], running: Mapping[Server, Running]
) -> dict[str, tuple[Running, bytes]]:
    found = {}
    for subject in subjects:
        server = running[subject.server]
        try:
            found[subject.name] = (server, request(server.url, subject.protocol, {}))
        except NotServed as error:
            _say(f"{subject.name}: {error} is not served (404)")
    return found


def ratios(samples: Samples, subject: str, against: str) -> list[float]:
    """CPU time of a call of ``subject`` over one of ``against``, round by round."""
    pairs = zip(samples.get(subject, ()), samples.get(against, ()), strict=False)
    return [ours.cpu_us / theirs.cpu_us for ours, theirs in pairs]


def bar(limit: Limit, samples: Samples) -> Bar:
    """Whether a limit was kept; failed where one of its subjects could not be measured."""
    found = ratios(samples, limit.subject, limit.against)
    what = f"{limit.subject}: CPU of a call, times {limit.against}"
    return Bar.at_most(what, median(found) if found else None, limit.ratio)


def _row(name: str, samples: Samples) -> tuple[str, ...]:
    own = samples.get(name)
    if not own:
        return (name, "unknown", "", "", "", "")
    figures = (
        f"{median(s.cpu_us for s in own):.1f}",
        f"{median(s.rate for s in own):,.0f}",
        f"{median(s.busy_percent for s in own):.0f} %",
    )
    found = ratios(samples, name, "raw")
    if not found:
        return (name, *figures, "", "")
    low, high = quantile(found, 0.25), quantile(found, 0.75)
    return (name, *figures, f"{median(found):.2f}", f"{low:.2f} to {high:.2f}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")

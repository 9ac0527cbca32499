"""What one call costs: Dynogate against raw ASGI, the official MCP SDK and FastMCP.

``python -m benchmarks.gateway``: every server runs in a process of its own under uvicorn
(httptools, uvloop) on one core, with the same trivial tool among 50; a client on another core
calls it over 16 kept connections. The subjects take turns in random order, round by round, and
ratios are of CPU time within one round. Exit status 1 where a ratio misses its bar.
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

from benchmarks._report import Bar, Report
from benchmarks.gateway import memory as memory_of_idle_clients
from benchmarks.gateway.load import CONNECTIONS, Sample, measure
from benchmarks.gateway.messages import Call, NotServed, tried
from benchmarks.gateway.page import page
from benchmarks.gateway.servers import Running, Server
from benchmarks.gateway.subjects import LIMITS, SUBJECTS, Limit, Subject
from dynogate.statistics import PairedRatio, paired_ratio

Samples = dict[str, list[Sample]]
_QUICK_ROUNDS, _QUICK_SECONDS = 6, 0.2  # the fewest rounds that an interval can be had of


def main(
    *,
    rounds: int = 15,
    seconds: float = 0.4,
    only: list[str] | None = None,
    quick: bool = False,
    memory: bool = False,
    markdown: Path | None = None,
    json: bool = False,
) -> int:
    """Run the benchmark.

    Parameters
    ----------
    rounds: How often each subject is measured; at least 6.
    seconds: How long each time.
    only: Subjects whose name starts with this; may be given several times. Default: all.
    quick: 6 short rounds.
    memory: Measure the memory of idle WebSockets and sessions instead.
    markdown: Write the page of the docs to this file, too.
    json: Print JSON.
    """
    if memory:
        return memory_of_idle_clients.report().finish(as_json=json)
    if quick:
        rounds, seconds = _QUICK_ROUNDS, _QUICK_SECONDS
    subjects = [s for s in SUBJECTS if not only or s.name.startswith(tuple(only))]
    with _pinned() as core, TemporaryDirectory(prefix="dynogate-bench-") as name:
        samples = _measured(subjects, Path(name), core, rounds, seconds)
    chosen = {subject.name for subject in subjects}
    report = Report(
        title=f"One call: medians of {rounds} rounds; ratios with their 95 % intervals",
        columns=("subject", "CPU us a call", "calls/s", "server busy", "x raw", "95 %"),
        rows=[_row(subject.name, samples) for subject in subjects],
        bars=[bar(limit, samples) for limit in LIMITS if {limit.subject, limit.against} <= chosen],
    )
    if markdown is not None:
        markdown.write_text(page(report))
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
        calls = _calls([s for s in subjects if s.server in running], running)
        samples: Samples = {name: [] for name in calls}
        for _ in range(rounds):
            for name in random.sample(sorted(calls), len(calls)):
                server, each = calls[name]
                sample = measure(server.url, each, server.pid, seconds=seconds)
                samples[name].append(sample)
        return samples


def _start(
    servers: Collection[Server], folder: Path, core: int | None, stack: ExitStack
) -> dict[Server, Running]:
    running: dict[Server, Running] = {}
    for server in servers:
        if server.needs is not None and find_spec(server.needs) is None:
            _say(f"{server.needs} is not installed: scripts/install")
            continue
        running[server] = Running(server, folder / str(len(running)), core)
        stack.callback(running[server].stop)
    return running


def _calls(
    subjects: Sequence[Subject], running: Mapping[Server, Running]
) -> dict[str, tuple[Running, list[Call]]]:
    found = {}
    for subject in subjects:
        server = running[subject.server]
        try:
            each = tried(server.url, subject.protocol, server.credentials, CONNECTIONS)
            found[subject.name] = (server, each)
        except NotServed as error:
            _say(f"{subject.name} is not served: {error}")
    return found


def ratio(samples: Samples, subject: str, against: str) -> PairedRatio | None:
    """CPU time of a call of ``subject`` over one of ``against``, from pairs of the same round.

    None where one of the two was not measured.
    """
    ours, theirs = ([s.cpu_us for s in samples.get(name, ())] for name in (subject, against))
    return paired_ratio(theirs, ours) if ours and theirs else None


def bar(limit: Limit, samples: Samples) -> Bar:
    """Whether a limit was kept; failed where one of its subjects could not be measured."""
    found = ratio(samples, limit.subject, limit.against)
    what = f"{limit.subject}: CPU of a call, times {limit.against}"
    return Bar.at_most(what, found.ratio if found else None, limit.ratio)


def _row(name: str, samples: Samples) -> tuple[str, ...]:
    own = samples.get(name)
    if not own:
        return (name, "unknown", "", "", "", "")
    figures = (
        f"{median(s.cpu_us for s in own):.1f}",
        f"{median(s.rate for s in own):,.0f}",
        f"{median(s.busy_percent for s in own):.0f} %",
    )
    found = ratio(samples, name, "raw")
    if found is None or name == "raw":
        return (name, *figures, "", "")
    return (name, *figures, f"{found.ratio:.2f}", f"{found.low:.2f} to {found.high:.2f}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")

"""The plots of a report: which figures go against which, with their units."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from dynogate.load import units
from dynogate.load.report.document import DriftReport, Run, StepReport
from dynogate.load.report.svg import Axis, Chart, Point, Style

Series = tuple[float | None, ...]
Tick = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with the sentence that says what to see in it."""

    name: str
    caption: str
    svg: str


def plots(run: Run) -> tuple[Plot, ...]:
    """Every plot that the run has the figures for."""
    if run.steps:
        return tuple(_of_steps(run))  # what else a ramp-up has is of one step of many
    return (*_over_time(run), *_of_server(run))


def _of_steps(run: Run) -> Iterator[Plot]:
    steps = sorted((step for step in run.steps if step.offered), key=lambda step: step.load)
    if len(steps) < 2:
        return
    yield _throughput_plot(run, steps)
    if any(step.p99 for step in steps):
        yield _latency_plot(run, steps)


def _throughput_plot(run: Run, steps: list[StepReport]) -> Plot:
    open_loop = run.loop == "open"
    loads = [step.load for step in steps]
    rates = [step.goodput or 0.0 for step in steps]
    title = "offered load, calls a second" if open_loop else "callers at once"
    chart = Chart(
        "Throughput against offered load",
        Axis.over(title, loads, count_tick, zero=True),
        Axis.over(
            "successes a second", [*rates, *(loads if open_loop else ())], count_tick, zero=True
        ),
    )
    if open_loop:
        most = max(loads)
        chart.line([(0, 0), (most, most)], "all that is offered", "c")
    chart.line([(step.load, step.goodput) for step in steps], "goodput", "a")
    _mark(chart, [(step, step.goodput or 0.0) for step in steps])
    _knee(chart, run)
    found = run.breaking_point.text if run.breaking_point else "no breaking point was looked for"
    return Plot("Throughput against offered load", found, chart.svg())


def _latency_plot(run: Run, steps: list[StepReport]) -> Plot:
    times = [t for step in steps for t in (step.p50, step.p99) if t]
    limit = run.breaking_point.rule.max_p99 if run.breaking_point else None
    title = "offered load, calls a second" if run.loop == "open" else "callers at once"
    chart = Chart(
        "Latency over load",
        Axis.over(title, [step.load for step in steps], count_tick, zero=True),
        Axis.over(
            "response time", [*times, *([limit] if limit else ())], time_tick, logarithmic=True
        ),
    )
    chart.line([(step.load, step.p99) for step in steps], "p99", "b")
    chart.line([(step.load, step.p50) for step in steps], "p50", "a")
    _mark(chart, [(step, step.p99) for step in steps if step.p99])
    if limit:
        chart.across(limit, f"limit of p99: {units.seconds(limit)}")
    _knee(chart, run)
    return Plot("Latency over load", "Response time, from the intended send.", chart.svg())


def _mark(chart: Chart, steps: list[tuple[StepReport, float]]) -> None:
    """A dot for a load that was held, a cross for one that was not."""
    marks: tuple[tuple[bool, str, Style], ...] = (
        (True, "held", "a"),
        (False, "broke the rule", "b"),
    )
    for held, label, style in marks:
        points = [
            (step.load, y, f"{units.number(step.load)}: {step.broken_by or 'held'}")
            for step, y in steps
            if step.held is held
        ]
        chart.dots(points, label, style, hollow=not held)


def _knee(chart: Chart, run: Run) -> None:
    knee = run.breaking_point.knee if run.breaking_point else None
    if knee is not None:
        interval = f"{units.number(knee.low)} to {units.number(knee.high)}"
        label = f"breaking point {units.number(knee.value)}/s ({interval})"
        chart.upright(knee.value, knee.low, knee.high, label)


def _over_time(run: Run) -> Iterator[Plot]:
    windows = run.windows
    shown = [window for window in windows if window.response_p50]
    if len(shown) < 2:
        return
    end = windows[-1].start + windows[-1].length
    time = Axis("seconds of the run", 0, end, count_tick)
    known = [t for w in shown for t in (w.response_p50, w.response_p99, w.service_p50) if t]
    chart = Chart(
        "Percentiles over time", time, Axis.over("time", known, time_tick, logarithmic=True)
    )
    middles = [window.start + window.length / 2 for window in windows]
    lines: tuple[tuple[str, Style, list[float | None]], ...] = (
        ("response p99", "b", [window.response_p99 for window in windows]),
        ("response p50", "a", [window.response_p50 for window in windows]),
        ("service p99", "c", [window.service_p99 for window in windows]),
    )
    for label, style, values in lines:
        chart.line(list(zip(middles, values, strict=True)), label, style)
    chart.tips(
        [
            (
                window.start,
                min(window.start + window.length, end),
                f"{window.start:g} s: response p50 {units.seconds(window.response_p50)}, "
                f"p99 {units.seconds(window.response_p99)}; "
                f"service p99 {units.seconds(window.service_p99)}",
            )
            for window in windows
        ]
    )
    yield Plot(
        "Percentiles over time",
        "Response from the intended send, service from the actual one: between them, calls waited.",
        chart.svg(),
    )
    yield _calls_plot(run, time)


def _calls_plot(run: Run, time: Axis) -> Plot:
    windows = run.windows
    middles = [window.start + window.length / 2 for window in windows]
    lines: tuple[tuple[str, Style, list[float]], ...] = (
        ("successes", "a", [window.succeeded / window.length for window in windows]),
        ("pushed back (429, 503)", "c", [window.pushed_back / window.length for window in windows]),
        ("failures", "b", [window.failed / window.length for window in windows]),
    )
    every = [rate for _, _, rates in lines for rate in rates]
    chart = Chart(
        "Calls over time", time, Axis.over("calls a second", every, count_tick, zero=True)
    )
    for label, style, rates in lines:
        chart.line(list(zip(middles, rates, strict=True)), label, style)
    return Plot("Calls over time", "By when they were to be sent.", chart.svg())


def _of_server(run: Run) -> Iterator[Plot]:
    server = run.server
    if server is None:
        return
    drifts = {drift.quantity: drift for drift in run.drift}
    resources: tuple[tuple[str, str, Series, Tick, float], ...] = (
        ("memory (RSS)", "MB", server.rss, count_tick, units.KB**2),
        ("file descriptors", "open", server.descriptors, count_tick, 1),
        ("CPU", "of one core", server.cpu, units.percent, 1),
        ("event-loop lag", "lag", server.loop_lag, time_tick, 1),
    )
    for name, unit, values, tick, one in resources:
        readings = [
            (at, None if value is None else value / one)
            for at, value in zip(server.time, values, strict=True)
        ]
        known = [value for _, value in readings if value is not None]
        if len(known) < 2:
            continue
        time = Axis("seconds of the run", 0, max(server.time[-1], run.duration), count_tick)
        chart = Chart(f"Server: {name}", time, Axis.over(unit, known, tick))
        drift = drifts.get(name)
        _draw_readings(chart, readings, drift, one)
        yield Plot(f"Server: {name}", drift.text if drift else "", chart.svg())


def _draw_readings(
    chart: Chart, readings: list[Point], drift: DriftReport | None, one: float
) -> None:
    if drift is None or drift.slope is None:
        chart.line(readings, "readings", "a")
        return
    chart.line(readings, "readings", "d")
    chart.shade(0, readings[0][0] + drift.warm_up, "warm-up: left out")
    slope = drift.slope / one
    means = [(at, mean / one) for at, mean in zip(drift.times, drift.means, strict=True)]
    chart.dots([(*mean, "mean of a stretch") for mean in means], "means", "a", hollow=False)
    # Through the middle of the means, as the median slope has no intercept of its own.
    start = median(mean - slope * at for at, mean in means)
    ends = (means[0][0], means[-1][0])
    chart.line([(at, start + slope * at) for at in ends], "slope", "b")


def count_tick(value: float) -> str:
    """A count or a rate, as an axis has it."""
    return f"{value:,.10g}"


def time_tick(value: float) -> str:
    """A duration, as an axis has it."""
    if value and value < 1e-3:
        return f"{value * 1e6:.4g} us"
    return f"{value * 1e3:.4g} ms" if value < 1 else f"{value:.4g} s"

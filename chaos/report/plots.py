"""The timelines of an experiment: latency and errors of each stream, the fault's window shaded."""

from collections.abc import Iterator

from chaos.report.document import ExperimentReport, StreamReport
from dynogate.load import units
from dynogate.load.report.plots import Plot, count_tick, time_tick
from dynogate.load.report.svg import Axis, Chart, Style

_FAULT = "the fault is in"
_ROOM = 1.2
"""Height of an axis, of what its values need: that name stands above them."""


def timelines(experiment: ExperimentReport) -> tuple[Plot, ...]:
    """Two plots for each stream that was called."""
    return tuple(
        plot
        for name, stream in experiment.streams.items()
        for plot in _of_stream(name, stream, experiment.window)
    )


def _of_stream(
    name: str, stream: StreamReport, window: tuple[float, float] | None
) -> Iterator[Plot]:
    windows = stream.windows
    times = [t for w in windows for t in (w.response_p50, w.response_p99) if t]
    if len(windows) < 2:
        return
    middles = [each.start + each.length / 2 for each in windows]
    end = windows[-1].start + windows[-1].length
    time = Axis("seconds of the experiment", 0, end, count_tick)
    if times:
        top = max(times) * (max(times) / min(times)) ** (_ROOM - 1)
        chart = Chart(
            f"{name}: response time",
            time,
            Axis.over("time", [*times, top], time_tick, logarithmic=True),
        )
        p99 = [each.response_p99 for each in windows]
        p50 = [each.response_p50 for each in windows]
        chart.line(list(zip(middles, p99, strict=True)), "p99", "b")
        chart.line(list(zip(middles, p50, strict=True)), "p50", "a")
        _shade(chart, window, end)
        caption = f"{stream.tool} at {units.number(stream.rate)}/s, {_way(stream)}"
        yield Plot(f"{name}: response time", caption, chart.svg())
    lines: tuple[tuple[str, Style, list[float]], ...] = (
        ("successes", "a", [each.succeeded / each.length for each in windows]),
        ("pushed back (429, 503)", "c", [each.pushed_back / each.length for each in windows]),
        ("failures", "b", [each.failed / each.length for each in windows]),
    )
    rates = [rate for _, _, values in lines for rate in values]
    chart = Chart(
        f"{name}: calls",
        time,
        Axis.over("calls a second", [_ROOM * max(rates)], count_tick, zero=True),
    )
    for label, style, values in lines:
        chart.line(list(zip(middles, values, strict=True)), label, style)
    _shade(chart, window, end)
    told = ", ".join(f"{kind} {count:,}" for kind, count in stream.outcomes.items())
    yield Plot(f"{name}: calls", f"By when they were to be sent: {told}.", chart.svg())


def _way(stream: StreamReport) -> str:
    return "around every link" if stream.target == "direct" else f"through the {stream.target} link"


def _shade(chart: Chart, window: tuple[float, float] | None, end: float) -> None:
    if window is not None:
        chart.shade(max(window[0], 0), min(window[1], end), _FAULT, named=True)

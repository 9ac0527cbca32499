"""Which plots a run has, and that odd runs can be drawn, too."""

import numpy as np
import pytest

from dynogate.load.drift import RSS, find_drift
from dynogate.load.report.document import DriftReport, Run, ServerTimeline, run_of
from dynogate.load.report.plots import plots
from dynogate.load.report.svg import Axis, Chart
from dynogate.load.samples import Loop, Outcome, Samples
from tests.load.report.example import VALID, ramp_up


def run(outcome: Outcome = Outcome.OK, loop: Loop = "open", calls: int = 100) -> Run:
    at = np.arange(calls) / 10
    outcomes = np.full(calls, outcome, np.uint8)
    return run_of("concurrent", Samples(at, at, at + 0.1, outcomes, calls / 10, loop), VALID)


def test_a_short_run_has_plots_over_time() -> None:
    """Ten seconds are enough."""
    assert [plot.name for plot in plots(run())] == ["Percentiles over time", "Calls over time"]


@pytest.mark.parametrize("calls", [0, 1])
def test_a_run_with_hardly_a_call_has_no_plots(calls: int) -> None:
    """One point makes no line."""
    assert plots(run(calls=calls)) == ()


def test_a_run_without_successes_has_no_percentiles() -> None:
    """Nothing was measured that could be drawn."""
    assert plots(run(Outcome.CONNECTION)) == ()


def test_callers_are_the_load_of_a_closed_loop() -> None:
    """Nothing was offered that could be compared with what came back."""
    closed = ramp_up().model_copy(update={"loop": "closed", "breaking_point": None})
    throughput, latency = plots(closed)
    assert "callers at once" in throughput.svg
    assert "all that is offered" not in throughput.svg
    assert throughput.caption == "no breaking point was looked for"
    assert "limit of p99" not in latency.svg


def test_a_ramp_of_failures_has_no_latency() -> None:
    """Only the throughput, at zero."""
    measured = ramp_up()
    steps = tuple(s.model_copy(update={"p50": None, "p99": None}) for s in measured.steps)
    shown = plots(measured.model_copy(update={"steps": steps}))
    assert [plot.name for plot in shown] == ["Throughput against offered load"]


def test_one_step_makes_no_curve() -> None:
    """A ramp that was stopped at once."""
    measured = ramp_up()
    assert plots(measured.model_copy(update={"steps": measured.steps[:1]})) == ()


def test_what_could_not_be_read_of_the_server_is_not_drawn() -> None:
    """A server that tells only its memory, and that with gaps and without a trend."""
    nothing = (None, None, None, None)
    server = ServerTimeline(
        time=(0, 1, 2, 3),
        rss=(1e8, None, 1e8, 1e8),
        cpu=nothing,
        descriptors=nothing,
        loop_lag=nothing,
    )
    shown = plots(run().model_copy(update={"server": server}))
    assert [plot.name for plot in shown][2:] == ["Server: memory (RSS)"]
    assert shown[2].svg.count("M") >= 2


def test_readings_without_a_verdict_are_drawn_as_they_are() -> None:
    """A minute is too short to judge drift, not too short to be looked at."""
    time = tuple(float(second) for second in range(30))
    memory = tuple(1e8 + second for second in time)
    none = (None,) * 30
    server = ServerTimeline(time=time, rss=memory, cpu=none, descriptors=none, loop_lag=none)
    drift = DriftReport.of(find_drift(time, memory, RSS))
    shown = plots(run().model_copy(update={"server": server, "drift": (drift,)}))[2]
    assert shown.caption.startswith("too few readings to tell")
    assert 'class="line a"' in shown.svg
    assert "means" not in shown.svg


def test_a_line_is_broken_where_a_value_is_unknown() -> None:
    """No line leads through what was not measured."""
    chart = Chart("t", Axis("x", 0, 3, str), Axis("y", 0, 1, str))
    chart.line([(0, 0.0), (1, 1.0), (2, None), (3, 1.0)], "l", "a")
    path = chart.svg().split('class="line a" d="')[1].split('"')[0]
    assert [path.count("M"), path.count("L")] == [2, 1]


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis("x", 0, 10, str), [0, 2, 4, 6, 8, 10]),
        (Axis("x", 0.9, 1.1, str), [0.9, 0.95, 1.0, 1.05, 1.1]),
        (Axis("x", 0.01, 0.1, str, logarithmic=True), [0.01, 0.02, 0.05, 0.1]),
        (Axis("x", 0.001, 1, str, logarithmic=True), [0.001, 0.01, 0.1, 1]),
    ],
)
def test_ticks_are_round(axis: Axis, ticks: list[float]) -> None:
    """Values that a person would choose."""
    assert axis.ticks() == pytest.approx(ticks)


@pytest.mark.parametrize("logarithmic", [True, False])
@pytest.mark.parametrize("values", [[], [0.0], [5.0, 5.0], [0.0, 1e-9], [1.0, 1e9]])
def test_an_axis_holds_any_values(values: list[float], logarithmic: bool) -> None:
    """One value, the same value, nothing at all."""
    axis = Axis.over("x", values, str, logarithmic=logarithmic)
    assert axis.low < axis.high
    assert axis.ticks()
    assert all(-1e-9 <= axis.at(value) <= 1 + 1e-9 for value in values)

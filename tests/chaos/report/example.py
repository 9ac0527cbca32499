"""A report with an experiment of each kind of end."""

from dataclasses import replace

from chaos.judge import judge
from chaos.report.document import Report, report_of
from chaos.runner import Outcome
from chaos.spec import Experiment
from dynogate.load import samples
from tests.chaos.made import START, document, evidence, experiment

FAILS = {"says": "nothing fails", "stream": "calls", "figure": "failures", "at_most": 0}
P99 = {"says": "the p99 holds", "stream": "calls", "figure": "p99", "at_most": {"plus": 0.3}}


def named(made: Experiment, name: str, service: str, fault: str, how: str) -> Experiment:
    text = dict(made.document, title="Calls survive what is done to them", description="As it is.")
    text["extensions"] = [{**text["extensions"][0], "service": service, "fault": fault, "how": how}]
    return Experiment(name, text)


def outcomes() -> list[Outcome]:
    """One green, one red, one that was stopped."""
    slow = named(
        experiment(P99, FAILS, recovery={"stream": "calls", "within": 2}),
        "client-latency",
        "client link",
        "slow",
        "latency +200 ms",
    )
    cut = named(experiment(FAILS), "redis-down", "redis", "down", "killed & <gone>")
    cases = (
        (slow, evidence(slow=0.2)),
        (cut, replace(evidence(outcome=samples.Outcome.CONNECTION), log="{event: <gone>}")),
        (
            named(Experiment("e", document()), "stopped", "client link", "cut", "reset"),
            replace(evidence(), journal=None, taken={}, stopped="SIGINT", by_hand=True),
        ),
    )
    return [Outcome(each, seen, judge(each, seen), START, 14.2) for each, seen in cases]


def report() -> Report:
    return report_of(outcomes())

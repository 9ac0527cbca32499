"""Experiments, journals and loads put together by hand."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from chaos.evidence import Evidence
from chaos.load import Taken
from chaos.spec import Experiment
from dynogate.load.certificate import certify
from dynogate.load.harness import Run
from dynogate.load.observe import Timeline
from dynogate.load.samples import Outcome, Samples

DEEDS = "tests.chaos.deeds"
START = 1_800_000_000.0
BEGINS, ENDS, END = 3.0, 7.0, 12.0
"""The fault is in from 3 to 7 of 12 seconds."""


def activity(kind: str, name: str, func: str, module: str = DEEDS, **arguments: Any) -> Any:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": kind, "name": name, "provider": provider}


def document(*method: Any, **configuration: str) -> dict[str, Any]:
    """An experiment that is green but for what ``method`` adds."""
    return {
        "title": "t",
        "description": "d",
        "configuration": configuration,
        "steady-state-hypothesis": {
            "title": "all is well",
            "probes": [{**activity("probe", "well", "true"), "tolerance": True}],
        },
        "method": [
            activity("action", "break", "nothing"),
            *method,
            activity("probe", "proof", "bit"),
        ],
        "rollbacks": [activity("action", "mend", "nothing")],
        "extensions": [
            {
                "name": "dynogate",
                "service": "s",
                "fault": "slow",
                "how": "h",
                "window": {"begins": "break", "ends": "proof"},
                "proof": ["proof"],
                "passes_when": [{"says": "b", "probe": "proof", "figure": "one", "at_most": 1}],
            }
        ],
    }


def experiment(*bars: dict[str, Any], recovery: dict[str, Any] | None = None) -> Experiment:
    made = document()
    made["method"] = [
        activity("action", "break", "nothing"),
        activity("probe", "proof", "bit"),
        activity("action", "heal", "nothing"),
    ]
    made["extensions"][0] |= {
        "window": {"begins": "break", "ends": "heal"},
        "load": {"seconds": END, "streams": [{"name": "calls", "rate": 50}]},
        "passes_when": list(bars)
        or [{"says": "nothing fails", "stream": "calls", "figure": "failures", "at_most": 0}],
    }
    if recovery:
        made["extensions"][0]["recovery"] = recovery
    return Experiment("e", made)


def stamp(second: float) -> str:
    return datetime.fromtimestamp(START + second, UTC).isoformat()


def ran(name: str, at: float, output: object = None, kind: str = "action") -> dict[str, Any]:
    return {
        "activity": {"type": kind, "name": name, "provider": {"type": "python"}},
        "status": "succeeded",
        "output": output,
        "start": stamp(at),
        "end": stamp(at),
    }


def journal() -> dict[str, Any]:
    steady = {"steady_state_met": True, "probes": []}
    bit = {"bit": True, "text": "it bit", "figures": {"one": 1.0}}
    return {
        "status": "completed",
        "deviated": False,
        "experiment": {},
        "steady_states": {"before": steady, "after": steady},
        "run": [ran("break", BEGINS), ran("proof", 4, bit, "probe"), ran("heal", ENDS)],
        "rollbacks": [ran("mend", END)],
    }


def taken(*, slow: float = 0.01, healed: float = ENDS, outcome: Outcome = Outcome.OK) -> Taken:
    """Calls of 10 ms, which take ``slow`` and end in ``outcome`` from the fault to ``healed``."""
    intended = np.arange(0, END, 0.02)
    hit = (intended >= BEGINS) & (intended < healed)
    finished = intended + np.where(hit, slow, 0.01)
    samples = Samples(intended, intended, finished, np.where(hit, outcome, 0).astype(np.uint8), END)
    none = np.zeros(0)
    run = Run(
        samples,
        certify(samples, [], 0.1),
        {},
        Timeline("", none, none, none, none, none),
        "aiohttp",
        1,
        datetime.now(UTC),
    )
    return Taken(run, START)


def evidence(**more: Any) -> Evidence:
    return Evidence(journal=journal(), taken={"calls": taken(**more)})

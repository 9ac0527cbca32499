"""Which defects are planted, the experiment that has to catch each, and the bar it has to break."""

import copy
from collections.abc import Collection
from dataclasses import dataclass

from chaos.spec import EXTENSION, Experiment
from dynogate.errors import ConfigurationError

_TOOLSET = "chaos.toolset:toolset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A gateway broken on purpose.

    Attributes:
        name: of the defect; ``chaos/controls/defects`` has a module of that name.
        experiment: that has to catch it.
        breaks: what the bar says that it has to break.
    """

    name: str
    experiment: str
    breaks: str

    @property
    def toolset(self) -> str:
        """What brings the defect into a gateway."""
        return f"chaos.controls.defects.{self.name.replace('-', '_')}:toolset"


CONTROLS = (
    Control(
        name="no-timeout",
        experiment="upstream-black-hole",
        breaks="every call is answered within its timeout of 2 s and a tenth",
    ),
    Control(
        name="no-limiter",
        experiment="redis-outage-open",
        breaks="without it the limit holds by this machine's own counts",
    ),
    Control(
        name="leaks-fds",
        experiment="client-cut-body",
        breaks="open files, tasks, connections and calls are back to where they were",
    ),
    Control(
        name="retries-everything",
        experiment="upstream-flapping",
        breaks="no order came twice",
    ),
    Control(
        name="loses-jobs",
        experiment="gateway-killed-whole",
        breaks="every task has finished, or failed with a reason",
    ),
)


def plant(control: Control, experiment: Experiment) -> Experiment:
    """The same experiment, with the defect in its gateway.

    Raises:
        ConfigurationError: the experiment has no such bar.
    """
    bars = [bar.says for bar in experiment.spec.passes_when]
    if control.breaks not in bars:
        raise ConfigurationError(
            f"control {control.name!r}: {experiment.name!r} has no bar {control.breaks!r}, but "
            f"{'; '.join(bars)}"
        )
    document = copy.deepcopy(experiment.document)
    block = next(each for each in document["extensions"] if each["name"] == EXTENSION)
    settings = block.setdefault("gateway", {}).setdefault("settings", {})
    settings["toolsets"] = f"{settings.get('toolsets', _TOOLSET)},{control.toolset}"
    settings.setdefault("shutdown_grace_sec", 1)  # calls that never end need not be waited for
    return Experiment(experiment.name, document)


def choose(names: Collection[str]) -> tuple[Control, ...]:
    """The controls of these names; all where none is named.

    Raises:
        ConfigurationError: one of the names is none.
    """
    there = {each.name: each for each in CONTROLS}
    if unknown := [name for name in names if name not in there]:
        raise ConfigurationError(
            f"no control {', '.join(map(repr, unknown))}; there are {', '.join(there)}"
        )
    return tuple(each for each in CONTROLS if not names or each.name in names)

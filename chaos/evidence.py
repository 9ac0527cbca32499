"""What a run of an experiment left behind: everything the judge goes by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.load import Taken


@dataclass(slots=True, eq=False)
class Evidence:
    """All of it; filled in as it comes.

    Attributes:
        journal: the Chaos Toolkit's; None where it did not come so far.
        taken: the load, by stream.
        leftovers: what of the rig's links was not as in the beginning, in words.
        stopped: what stopped the run before its end, in words; empty where nothing did.
        by_hand: that was somebody, who wants no further experiment either.
        broken: what kept it from running to its end, in words.
        log: the end of what the gateway said.
    """

    journal: Mapping[str, Any] | None = None
    taken: Mapping[str, Taken] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()
    stopped: str = ""
    by_hand: bool = False
    broken: tuple[str, ...] = ()
    log: str = ""

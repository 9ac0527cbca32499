"""An experiment as its YAML file has it: the Chaos Toolkit's own part, and the block ``dynogate``.

The kit's part says what is done; the block says what the kit has no words for: which cell of the
matrix the experiment fills, what it needs, the load beside it, when the fault is in, what proves
that it bit, and the bars by which it is judged. Times are in seconds.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from chaoslib.exceptions import ChaosException
from chaoslib.experiment import ensure_experiment_is_valid
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from chaos.rig.rig import Service
from dynogate.errors import ConfigurationError
from dynogate.load.calls import Transport

FOLDER = Path(__file__).resolve().parent / "experiments"
EXTENSION = "dynogate"

Fault = Literal[
    "slow", "cut", "silent", "flaky", "down", "killed", "exhausted", "clock", "overload"
]
Phase = Literal["base", "fault", "after", "all"]
Figure = Literal[
    "p50", "p95", "p99", "max", "slowest", "calls", "ok", "failures", "error_rate", "success_rate",
    "goodput", "rate_limited", "shed", "tool_error", "rpc_error", "bad_reply", "timeout",
    "connection", "dropped",
]  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Gateway(_Strict):
    """The gateway under test."""

    settings: dict[str, str | int | float | bool] = Field(
        default={}, description="By the names of DYNOGATE_*, in lower case, without the prefix."
    )
    volume_mb: int | None = Field(
        default=None, ge=4, le=256, description="Size of a disk of its own for its data."
    )
    clock: bool = Field(default=False, description="Whether its wall clock can be set.")


class Stream(_Strict):
    """Calls of one kind at a constant rate, in an open loop."""

    name: str
    via: Literal["client", "direct"] = Field(
        default="client", description="Through the client's link, or around it."
    )
    transport: Transport = "rpc"
    tool: str = "echo"
    arguments: dict[str, Any] = {}
    rate: float = Field(gt=0, le=2000)
    timeout: float = Field(default=10.0, gt=0, le=60)
    authenticated: bool = Field(default=False, description="With the issuer's access token.")


class Load(_Strict):
    """What is called meanwhile, from the beginning of the method on."""

    seconds: float = Field(gt=0, le=300)
    streams: tuple[Stream, ...] = ()


class Window(_Strict):
    """When the fault is in: from the start of one activity to the end of another."""

    begins: str
    ends: str


class Limit(_Strict):
    """A limit made of the same figure in the base phase: ``times`` it, ``plus`` so much."""

    times: float = 1.0
    plus: float = 0.0


class Bar(_Strict):
    """One figure and its limits.

    The figure is of a stream of the load in a phase, or a value that a probe of the method put
    out. ``base`` are the calls that had ended when the fault began, ``after`` those to be sent
    after its end, ``fault`` the rest.
    """

    says: str = Field(description="What is kept, in words.")
    stream: str | None = None
    during: Phase = "fault"
    probe: str | None = None
    figure: str
    at_most: float | Limit | None = None
    at_least: float | Limit | None = None

    @model_validator(mode="after")
    def _has_one_source_and_a_limit(self) -> "Bar":
        if (self.stream is None) == (self.probe is None):
            raise ValueError("a bar is of a stream or of a probe")
        if self.at_most is None and self.at_least is None:
            raise ValueError("a bar needs at_most or at_least")
        if self.stream is not None and self.figure not in Figure.__args__:  # type: ignore[attr-defined]
            raise ValueError(f"{self.figure!r} is no figure of a stream")
        limits = (self.at_most, self.at_least)
        if self.probe is not None and any(isinstance(each, Limit) for each in limits):
            raise ValueError("a probe has no base phase: its limits are numbers")
        return self


class Recovery(_Strict):
    """How soon after the window calls must be served as before it."""

    stream: str
    within: float = Field(gt=0)


class Spec(_Strict):
    """The block ``dynogate`` of an experiment."""

    name: Literal["dynogate"]
    service: str = Field(description="Row of the matrix: what is broken.")
    fault: Fault = Field(description="Column of the matrix: in what way.")
    how: str = Field(description="The fault with its figures, in a few words.")
    quick: bool = False
    needs: tuple[Service, ...] = ()
    gateway: Gateway = Gateway()
    load: Annotated[Load | None, Field(description="None where nothing is called.")] = None
    window: Window
    proof: tuple[str, ...] = Field(
        min_length=1, description="Probes of the method that prove that the fault bit."
    )
    passes_when: tuple[Bar, ...] = Field(min_length=1)
    recovery: Recovery | None = None
    limit: float = Field(default=120.0, gt=0, description="Longest that all of it may take.")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Of the load."""
        return self.load.streams if self.load else ()


class Experiment:
    """One experiment: its name, what the kit runs, and the block ``dynogate``.

    Args:
        name: of the file, without its ending.
        document: the whole of it.

    Raises:
        ConfigurationError: it is none; says where and what is wrong.
    """

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self.name = name
        self.document = document
        try:
            blocks = document.get("extensions", [])
            self.spec = Spec.model_validate(next(b for b in blocks if b.get("name") == EXTENSION))
            ensure_experiment_is_valid(document)
        except (StopIteration, AttributeError) as error:
            raise ConfigurationError(f"experiment {name!r} has no block {EXTENSION!r}") from error
        except (ValidationError, ChaosException) as error:
            raise ConfigurationError(f"experiment {name!r}: {error}") from error
        self._check_names()

    @property
    def title(self) -> str:
        """What is claimed."""
        return str(self.document["title"])

    @cached_property
    def activities(self) -> dict[str, dict[str, Any]]:
        """Of the method, by name."""
        return {each["name"]: each for each in self.document["method"]}

    def _check_names(self) -> None:
        """Whatever the block refers to must be there: a misspelt name would never be judged."""
        spec = self.spec
        streams = {stream.name for stream in spec.streams}
        named = [spec.window.begins, spec.window.ends, *spec.proof]
        named += [bar.probe for bar in spec.passes_when if bar.probe is not None]
        wrong = [f"activity {each!r}" for each in named if each not in self.activities]
        used = [bar.stream for bar in spec.passes_when if bar.stream is not None]
        used += [spec.recovery.stream] if spec.recovery else []
        wrong += [f"stream {each!r}" for each in used if each not in streams]
        if "issuer" not in spec.needs:
            wrong += [f"no issuer for {each.name!r}" for each in spec.streams if each.authenticated]
        if len(self.activities) != len(self.document["method"]):
            wrong.append("two activities of one name")
        if not self.document.get("rollbacks"):
            wrong.append("no rollbacks")
        if not self.document.get("steady-state-hypothesis", {}).get("probes"):
            wrong.append("no steady state")
        if wrong:
            raise ConfigurationError(f"experiment {self.name!r}: {', '.join(wrong)}")


def read_experiment(path: Path) -> Experiment:
    """Read one file.

    Raises:
        ConfigurationError: it cannot be read, or is no experiment.
    """
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"the experiment {str(path)!r} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{str(path)!r} is no experiment")
    return Experiment(path.stem, document)


def all_experiments(folder: Path = FOLDER) -> tuple[Experiment, ...]:
    """Every experiment of the folder, by name."""
    return tuple(read_experiment(path) for path in sorted(folder.glob("*.yaml")))

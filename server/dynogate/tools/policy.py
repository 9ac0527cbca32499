"""What the operator of a gateway allows profiling tools to do."""

from dataclasses import dataclass

from dynogate.jobs.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingPolicy:
    """Bounds that the tools put on what a caller may ask.

    Attributes:
        allow_code: whether ``profile_code`` may run (it is sandboxed, or the operator said so).
        confirm_code: where it may not: whether it may after the user confirmed it in the client.
        max_timeout_sec: the longest ``timeout_seconds`` a caller may ask for.
    """

    allow_code: bool
    max_timeout_sec: float
    confirm_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosPolicy:
    """What the operator of a gateway allows chaos tools to do.

    Attributes:
        allow: whether ``run_chaos_experiment`` may run.
        limits: of all processes of an experiment together.
    """

    allow: bool
    limits: Limits

"""Whatever fails is done again: what must not be done twice, and what has no chance, too."""

from tenacity import RetryCallState

from dynogate.resilience import retry
from dynogate.tools.registry import Toolset

toolset = Toolset("defect-retries-everything")


def _is_worth_it(self: retry._Call, state: RetryCallState) -> bool:
    return state.outcome is not None and state.outcome.failed


retry._Call._is_worth_it = _is_worth_it  # type: ignore[method-assign]

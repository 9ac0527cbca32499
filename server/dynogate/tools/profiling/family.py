"""What the profiling tools share: their toolset, common arguments, and stored profiles by id."""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated, TypeVar

from pydantic import Field

from dynogate.errors import ProfileNotFound
from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
from dynogate.profiling.models import ProfileResult
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset

T = TypeVar("T")

toolset = Toolset("profiling")

READ = Annotations(read_only=True, idempotent=True)
EXECUTE = Annotations(read_only=False, destructive=True, open_world=True)

ProfileId = Annotated[
    str,
    Field(
        description="Id of a stored profile, as profile_script, profile_code and list_profiles "
        "return it.",
        min_length=1,
        max_length=100,
    ),
]
TopN = Annotated[int, Field(description="How many rows at most.", ge=1, le=1000)]
CpuThreshold = Annotated[
    float,
    Field(description="Share of CPU time, in percent, from which a line counts.", ge=0, le=100),
]
MemoryThreshold = Annotated[
    float, Field(description="MB allocated by a line from which it counts.", ge=0)
]

_KEPT_ANALYZERS = 8


class _Analyzers:
    """The analyzers of the profiles asked about last: what they worked out is worth keeping.

    One is used only for the very profile object that the store returns, so that this never
    outlives what the store deleted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, ProfileAnalyzer] = OrderedDict()

    def of(self, profile_id: str, profile: ProfileResult) -> ProfileAnalyzer:
        with self._lock:
            analyzer = self._kept.pop(profile_id, None)
            if analyzer is None or analyzer.profile is not profile:
                analyzer = ProfileAnalyzer(profile)
            self._kept[profile_id] = analyzer
            while len(self._kept) > _KEPT_ANALYZERS:
                self._kept.popitem(last=False)
            return analyzer


_analyzers = _Analyzers()


def load(storage: ProfileStorage, profile_id: str) -> ProfileResult:
    """The stored profile.

    Raises:
        ProfileNotFound: none has this id.
    """
    profile = storage.get(profile_id)
    if profile is None:
        raise not_found(profile_id)
    return profile


def load_with_raw(storage: ProfileStorage, profile_id: str) -> ProfileResult:
    """The stored profile with Scalene's own JSON, which holds the text of every profiled file.

    Raises:
        ProfileNotFound: none has this id.
    """
    profile = load(storage, profile_id)
    return profile.model_copy(update={"raw": storage.raw(profile_id) or b""})


def not_found(profile_id: str) -> ProfileNotFound:
    """The error that says how to find the ids there are."""
    return ProfileNotFound(
        f"No stored profile has the id {profile_id!r}. list_profiles shows the ids there are."
    )


def analyzer_of(profile_id: str, profile: ProfileResult) -> ProfileAnalyzer:
    """The analyzer of a profile that was just loaded, with what it worked out before."""
    return _analyzers.of(profile_id, profile)


async def ask(ctx: ToolContext, profile_id: str, question: Callable[[ProfileAnalyzer], T]) -> T:
    """Put a question to the analyzer of a stored profile, in a worker thread.

    Raises:
        ProfileNotFound: no profile has this id.
    """
    storage = ctx.services.get(ProfileStorage)

    def answer() -> T:
        return question(analyzer_of(profile_id, load(storage, profile_id)))

    return await asyncio.to_thread(answer)

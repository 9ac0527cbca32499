"""The tools that ask about a stored profile."""

import pytest

from dynogate.errors import ProfileNotFound
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import ToolContext
from tests.profiles import SCRIPT, sample_profile
from tests.tools.profiling.conftest import call


async def test_hotspots_carry_their_place_and_source(context: ToolContext, stored: str) -> None:
    """The row of the hottest line names file, line, function and text."""
    found = await call(context, "get_cpu_hotspots", profile_id=stored, top_n=1)
    (row,) = found["hotspots"]
    assert (row["file"], row["lineno"], row["function"]) == (SCRIPT, 7, "square_sum")
    assert (row["source"], row["severity"]) == ("        total += i * i", "high")


async def test_a_question_asked_twice_is_answered_from_memory(
    context: ToolContext, stored: str
) -> None:
    """The second answer equals the first, and other profiles in between change nothing."""
    first = await call(context, "get_bottlenecks", profile_id=stored)
    storage = context.services.get(ProfileStorage)
    for _ in range(9):
        other = storage.store(sample_profile(files=()))
        assert (await call(context, "get_bottlenecks", profile_id=other))["cpu"] == []
    assert await call(context, "get_bottlenecks", profile_id=stored) == first


async def test_a_deleted_profile_answers_no_more(context: ToolContext) -> None:
    """What was worked out of a profile goes with it."""
    storage = context.services.get(ProfileStorage)
    profile_id = storage.store(sample_profile())
    await call(context, "get_cpu_hotspots", profile_id=profile_id)
    storage.delete(profile_id)
    with pytest.raises(ProfileNotFound):
        await call(context, "get_cpu_hotspots", profile_id=profile_id)

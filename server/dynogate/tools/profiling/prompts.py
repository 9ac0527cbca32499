"""Investigations to start with: each names the tools to call, in order, and when to stop."""

from typing import Annotated

from pydantic import Field

from dynogate.tools.context import ToolContext
from dynogate.tools.profiling.family import toolset
from dynogate.tools.profiling.resources import complete_profile_id, complete_script
from dynogate.tools.prompts import PromptMessage, user_text
from dynogate.wire.results import ResourceLink

_SCRIPT = "Path of the script, inside the gateway's roots."
_BEFORE = "Id of the profile that was made before the change."
_AFTER = "Id of the profile that was made after the change."
_SUITE = "Folder or file with the tests, relative to the gateway's first root."


@toolset.prompt(complete={"script_path": complete_script})
async def find_bottleneck(
    ctx: ToolContext,
    *,
    script_path: Annotated[str, Field(description=_SCRIPT, min_length=1, max_length=4096)],
) -> list[PromptMessage]:
    """Find what makes a script slow or large, and prove a fix."""
    return [
        user_text(
            f"Find the bottleneck of {script_path!r} and propose a fix that is measured.\n\n"
            f"1. Call `profile_script` with script_path={script_path!r}. Where it says that the "
            "program was too short, set repeat; where it ran out of time, raise timeout_seconds "
            "or give it less to do with script_args.\n"
            "2. Call `get_bottlenecks` and `analyze_profile` with the profile_id. If memory grew, "
            "call `get_memory_leaks`, too.\n"
            "3. Read the source around the hottest lines. Say what they do, how often, and why "
            "that costs what it costs. Do not optimise lines below 5 % of the time.\n"
            "4. Change one thing. Profile the changed script with `profile_script`.\n"
            "5. Call `compare_profiles` with both ids and runs_per_side=8. Only the verdict "
            "'improvement' is one; 'inconclusive' means to measure more or to stop.\n\n"
            "Report: the line, its share before and after, the verdict with its confidence "
            "interval, and the diff."
        )
    ]


@toolset.prompt(complete={"before_id": complete_profile_id, "after_id": complete_profile_id})
async def explain_regression(
    ctx: ToolContext,
    *,
    before_id: Annotated[str, Field(description=_BEFORE, min_length=1, max_length=100)],
    after_id: Annotated[str, Field(description=_AFTER, min_length=1, max_length=100)],
) -> list[PromptMessage]:
    """Say whether a program became slower between two profiles, and which change did it."""
    return [
        user_text(
            f"A program may have become slower between the profiles {before_id!r} and "
            f"{after_id!r}. Find out whether it did, and why.\n\n"
            f"1. Call `compare_profiles` with before_id={before_id!r}, after_id={after_id!r} and "
            "runs_per_side=8: one profile a side says little. Read its caveats first; two "
            "machines, Pythons or sets of options cannot be compared.\n"
            "2. If the verdict is 'no_change' or 'inconclusive', say so and stop.\n"
            "3. Otherwise call `get_function_summary` for both ids, and go through the functions "
            "that changed: is one called more often, does a call cost more, or is it new?\n"
            "4. Call `get_cpu_hotspots` for both ids to find the lines. If memory changed, call "
            "`get_memory_hotspots`, too.\n\n"
            "Report: the verdict with its confidence interval, the functions and lines that "
            "explain most of the difference with their cost before and after, and the likeliest "
            "cause. Keep what was measured apart from what you suppose."
        ),
        PromptMessage("user", _link(before_id, "before")),
        PromptMessage("user", _link(after_id, "after")),
    ]


@toolset.prompt(complete={"tests_path": complete_script})
async def cut_suite_time(
    ctx: ToolContext,
    *,
    tests_path: Annotated[str, Field(description=_SUITE, min_length=1, max_length=4096)],
) -> list[PromptMessage]:
    """Find what a pytest suite spends its time on, and cut it without losing a test."""
    return [
        user_text(
            f"Cut the time of the tests in {tests_path!r} without losing what they test.\n\n"
            f"1. Call `profile_script` with module='pytest', script_args=['-q', '-p', "
            f"'no:cacheprovider', {tests_path!r}], cpu_only=true, profile_all=true and a "
            "timeout_seconds that the suite fits in.\n"
            "2. Call `get_cpu_hotspots` and `get_function_summary` with the profile_id. Tell "
            "apart: time in the program under test, in fixtures, in waiting (elapsed time far "
            "above CPU time), in importing, and in pytest itself.\n"
            "3. Propose the changes that save most first: a fixture that is set up for every test "
            "and could be set up once; real waiting that a condition could replace; the same "
            "expensive input computed again; an import that only one test needs.\n"
            "4. Make one change, run the suite to see every test pass, and profile again in the "
            "same way. Keep the change only if `compare_profiles` does not call it a "
            "regression and the time fell.\n\n"
            "Report: seconds before and after, what each change saved, and the tests that ran "
            "before and after; the numbers must be equal."
        )
    ]


def _link(profile_id: str, side: str) -> ResourceLink:
    return ResourceLink(
        uri=f"profile://{profile_id}",
        name=profile_id,
        description=f"The profile {side} the change",
        mime_type="application/json",
    )

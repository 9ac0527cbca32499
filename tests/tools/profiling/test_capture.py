"""The tools that run programs: arguments in, stored profiles out."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from dynogate.errors import Busy, CodeExecutionDisabled, InvalidParams, ProfileNotFound
from dynogate.jobs.queue import JobQueue
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.storage import ProfileStorage
from dynogate.tools.context import DEAF, Client, Services, ToolContext
from dynogate.tools.inputs import Answer, InputRequest
from dynogate.tools.policy import ProfilingPolicy
from tests.profiles import sample_profile, sample_target
from tests.tools.profiling.conftest import call


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "'script_path' is missing"),
        ({"script_path": "busy.py", "module": "json.tool"}, "exclude each other"),
        ({"script_path": "busy.py", "timeout_seconds": 61}, "at most"),
        ({"script_path": "busy.py", "env": {"A=B": "1"}}, "env"),
        ({"script_path": "busy.py", "script_args": [1]}, "script_args"),
        ({"script_path": "busy.py", "repeat": 0}, "repeat"),
        ({"script_path": "busy.py", "tags": [""]}, "tags"),
    ],
)
async def test_a_bad_way_to_run_a_script_is_refused(
    context: ToolContext, arguments: dict[str, object], named: str
) -> None:
    """Nothing runs, and the error names the argument."""
    with pytest.raises(InvalidParams, match=named):
        await call(context, "profile_script", **arguments)


@pytest.mark.slow
async def test_a_script_is_profiled_and_stored(context: ToolContext) -> None:
    """One call runs the script with its arguments; the id it returns answers the next one."""
    made = await call(
        context, "profile_script", script_path="busy.py", script_args=["6000000"], tags=["nightly"]
    )
    assert made["summary"]["outcome"] == "completed"
    assert made["summary"]["exit_status"] == 0
    assert "busy.py" in made["text_summary"]
    found = await call(context, "get_cpu_hotspots", profile_id=made["profile_id"])
    assert found["hotspots"][0]["function"] == "spin"
    listed = await call(context, "list_profiles", tag="nightly")
    assert [row["profile_id"] for row in listed["profiles"]] == [made["profile_id"]]


@pytest.mark.slow
async def test_a_cancelled_run_keeps_what_was_seen(context: ToolContext) -> None:
    """When the caller goes away the program is stopped, and its partial profile is stored."""
    running = asyncio.Event()

    def on_progress(done: float, total: float | None, message: str) -> None:
        if done > 2:
            running.set()

    watched = msgspec.structs.replace(context, progress=on_progress)
    arguments: dict[str, object] = {"script_args": ["10000000000"], "tags": ["cancelled"]}
    task = asyncio.create_task(
        call(watched, "profile_script", script_path="busy.py", cpu_only=True, **arguments)
    )
    await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = (await call(context, "list_profiles", tag="cancelled"))["profiles"]
    assert row["outcome"] == "cancelled"


@pytest.mark.slow
async def test_a_module_is_profiled(context: ToolContext) -> None:
    """As python -m runs it."""
    made = await call(
        context,
        "profile_script",
        module="busy",
        script_args=["4000000"],
        cpu_only=True,
        timeout_seconds=50,
    )
    found = await call(context, "get_cpu_hotspots", profile_id=made["profile_id"])
    assert found["hotspots"][0]["function"] == "spin"


@pytest.mark.slow
async def test_a_snippet_is_profiled(context: ToolContext) -> None:
    """Its lines appear as those of code.py."""
    code = "total = 0\nfor i in range(4_000_000):\n    total += i * i % 7\n"
    made = await call(context, "profile_code", code=code, cpu_only=True)
    found = await call(context, "get_cpu_hotspots", profile_id=made["profile_id"])
    assert found["hotspots"][0]["file"] == "code.py"
    analysed = await call(context, "analyze_profile", profile_id=made["profile_id"])
    assert analysed["memory"]["memory_profiled"] is False


@pytest.mark.slow
async def test_a_script_too_short_to_sample_says_so(context: ToolContext) -> None:
    """It is no empty success: the outcome and the text say what to do."""
    made = await call(context, "profile_script", script_path="quick.py", cpu_only=True)
    assert made["summary"]["outcome"] == "too_short"
    assert "repeat" in made["text_summary"]


async def test_snippets_are_refused_where_they_are_off(services: Services) -> None:
    """Neither running one nor running one again is possible without leave."""
    policy = ProfilingPolicy(allow_code=False, max_timeout_sec=60.0)
    storage, profiler = services.get(ProfileStorage), services.get(ScaleneProfiler)
    snippet = storage.store(sample_profile(target=sample_target(kind="code", path=None)))
    jobs = JobQueue(max_running=1, max_queued=1)
    context = ToolContext("local", None, jobs, Services(storage, profiler, policy))
    with pytest.raises(CodeExecutionDisabled, match="DYNOGATE_ALLOW_CODE"):
        await call(context, "profile_code", code="1")
    with pytest.raises(CodeExecutionDisabled, match="DYNOGATE_ALLOW_CODE"):
        await call(
            context, "compare_profiles", before_id=snippet, after_id=snippet, runs_per_side=5
        )
    await jobs.drain(1.0)


class Asked(Client):
    """A client whose user gives one answer to everything."""

    def __init__(self, answer: Answer) -> None:
        self.questions: list[InputRequest] = []
        self._answer = answer

    def can(self, request: InputRequest) -> bool:
        return True

    async def _answers(self, requests: Mapping[str, InputRequest]) -> dict[str, Answer]:
        self.questions += requests.values()
        return dict.fromkeys(requests, self._answer)


async def ask_to_run(services: Services, client: Client, *, confirm: bool = True) -> None:
    """Call profile_code without a sandbox, in a queue that takes no job any more."""
    policy = ProfilingPolicy(allow_code=False, confirm_code=confirm, max_timeout_sec=60.0)
    jobs = JobQueue(max_running=1, max_queued=1)
    await jobs.drain(1.0)
    known = Services(services.get(ProfileStorage), services.get(ScaleneProfiler), policy)
    context = ToolContext("local", None, jobs, known, client=client)
    await call(context, "profile_code", code="x = 1\n" * 1000)


async def test_a_user_may_confirm_that_a_snippet_runs(services: Services) -> None:
    """Then it is taken to the queue; they were shown what would run, and of what size it is."""
    client = Asked({"action": "accept", "content": {"run": True}})
    with pytest.raises(Busy):
        await ask_to_run(services, client)
    [question] = client.questions
    message = question.params["message"]
    assert isinstance(message, str)
    assert "2,000 of 6,000 characters" in message
    assert message.endswith("x = 1\nx ")


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel", "content": {"run": True}},
        {"action": "accept", "content": {"run": False}},
        {"action": "accept", "content": {"run": "yes"}},
        {},
    ],
)
async def test_nothing_but_a_clear_yes_runs_a_snippet(services: Services, answer: Answer) -> None:
    """No, nothing, and what is no answer at all are a no."""
    with pytest.raises(CodeExecutionDisabled, match="did not confirm"):
        await ask_to_run(services, Asked(answer))


async def test_nobody_is_asked_unless_the_operator_said_so(services: Services) -> None:
    """A client could confirm anything, so that asking is a matter of trust."""
    client = Asked({"action": "accept", "content": {"run": True}})
    with pytest.raises(CodeExecutionDisabled, match="DYNOGATE_ALLOW_CODE"):
        await ask_to_run(services, client, confirm=False)
    assert client.questions == []


async def test_who_cannot_be_asked_is_refused(services: Services) -> None:
    """As where nobody is asked at all."""
    with pytest.raises(CodeExecutionDisabled, match="DYNOGATE_ALLOW_CODE"):
        await ask_to_run(services, DEAF)


async def test_two_profiles_are_compared_without_running_anything(
    context: ToolContext, stored: str
) -> None:
    """By default the profiles alone are compared."""
    found = await call(context, "compare_profiles", before_id=stored, after_id=stored)
    assert found["basis"] == "profiles"
    assert found["verdict"] in {"no_change", "inconclusive"}


@pytest.mark.parametrize("missing", ["before_id", "after_id"])
async def test_both_sides_of_a_comparison_must_be_there(
    context: ToolContext, stored: str, missing: str
) -> None:
    """The id at fault is in the error."""
    ids = {"before_id": stored, "after_id": stored, missing: "prof_none"}
    with pytest.raises(ProfileNotFound, match="prof_none"):
        await call(context, "compare_profiles", **ids)


@pytest.mark.slow
async def test_a_comparison_can_run_both_programs_again(
    context: ToolContext, root: Path, services: Services
) -> None:
    """With runs_per_side the verdict rests on runs without the profiler."""
    path = str(root / "quick.py")
    source = (root / "quick.py").read_text()
    profile_id = services.get(ProfileStorage).store(
        sample_profile(target=sample_target(path, source=source))
    )
    found = await call(
        context,
        "compare_profiles",
        before_id=profile_id,
        after_id=profile_id,
        runs_per_side=5,
        max_runs_per_side=5,
    )
    assert found["basis"] == "reruns"

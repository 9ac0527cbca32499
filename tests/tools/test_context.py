import msgspec
import pytest

from dynogate.errors import Busy, MissingCapability
from dynogate.jobs.queue import JobHandle
from dynogate.tools.context import ToolContext
from dynogate.tools.inputs import ROOTS, accepted, form, sampling


async def test_nobody_can_be_asked_where_there_is_no_client(context: ToolContext) -> None:
    """The error says what the caller would have to declare."""
    assert not context.client.can(ROOTS)
    with pytest.raises(MissingCapability) as raised:
        await context.client.ask({"roots": ROOTS})
    assert raised.value.data == {"requiredCapabilities": {"roots": {}}}


async def test_asking_for_nothing_is_answered(context: ToolContext) -> None:
    """Whoever finds nothing to ask needs no client that could answer."""
    assert await context.client.ask({}) == {}


async def test_a_job_defers_its_call_once_it_has_room(context: ToolContext) -> None:
    """The client is let go where the long part begins; a full queue is told before that."""
    happened: list[str] = []

    async def deferral() -> None:
        happened.append("deferred")

    async def second() -> None:
        await deferring.run_job("test", lambda job: None)

    deferring = msgspec.structs.replace(context, deferral=deferral)

    def work(job: JobHandle) -> str:
        happened.append("worked")
        return "done"

    assert await deferring.run_job("test", work) == "done"
    assert happened == ["deferred", "worked"]
    await context.jobs.drain(1)
    with pytest.raises(Busy):
        await second()
    assert happened == ["deferred", "worked"]


async def test_a_call_that_cannot_be_deferred_goes_on(context: ToolContext) -> None:
    """Tools need not know whether their client can come back."""
    await context.defer()


def test_requests_are_as_the_specification_has_them() -> None:
    """Method and params, and the capability that a client must have declared for it."""
    asked = form("Sure?", {"type": "object"})
    assert asked.capability == "elicitation"
    assert asked.as_mcp() == {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": "Sure?", "requestedSchema": {"type": "object"}},
    }
    assert sampling("Hi", max_tokens=5).capability == "sampling"


def test_only_an_accepted_form_has_content() -> None:
    """Declined, dismissed and malformed answers are all a no."""
    assert accepted({"action": "accept", "content": {"ok": True}}) == {"ok": True}
    assert accepted({"action": "decline", "content": {"ok": True}}) is None
    assert accepted({"action": "accept", "content": 5}) is None
    assert accepted({}) is None

"""What a client can be asked, by what it declared."""

from typing import Any

import pytest

from dynogate.errors import MissingCapability
from dynogate.guards.caller import LOCAL
from dynogate.mcp.exchange import NO_CHANNEL, NoChannel, Request
from dynogate.mcp.session import Session
from dynogate.tools.inputs import ROOTS, form, sampling
from dynogate.wire.mcp import LEGACY, MODERN
from tests.mcp.speaker import PREFIX, message_of, meta

FORM = form("Sure?", {"type": "object"})
SAMPLE = sampling("Hi", max_tokens=5)


def modern(declared: Any) -> Request:
    told = meta(**{PREFIX + "clientCapabilities": declared})
    return Request(message_of("tools/call", {"_meta": told}), LOCAL, "test", MODERN)


def legacy(declared: dict[str, Any]) -> Request:
    session = Session()
    session.capabilities = declared
    request = Request(message_of("tools/call", {}), LOCAL, "test", LEGACY[0])
    request.session = session
    request.channel = NoChannel()  # one that is there, unlike NO_CHANNEL
    return request


@pytest.mark.parametrize(
    ("declared", "can"),
    [
        ({}, [False, False, False]),
        ({"elicitation": {}}, [True, False, False]),
        ({"elicitation": {"form": {}, "url": {}}}, [True, False, False]),
        ({"elicitation": {"url": {}}}, [False, False, False]),
        ({"sampling": {}, "roots": {"listChanged": True}}, [False, True, True]),
    ],
)
@pytest.mark.parametrize("era", [modern, legacy])
def test_a_client_can_be_asked_what_it_declared(
    era: Any, declared: dict[str, Any], can: list[bool]
) -> None:
    """In either era; a client that only opens URLs cannot show a form."""
    client = era(declared).client()
    assert [client.can(each) for each in (FORM, SAMPLE, ROOTS)] == can


async def test_where_nothing_leads_to_the_client_nobody_is_asked() -> None:
    """A session's request without a stream cannot ask."""
    request = legacy({"roots": {}})
    request.channel = NO_CHANNEL
    assert not request.client().can(ROOTS)
    with pytest.raises(MissingCapability):
        await request.client().ask({"roots": ROOTS})

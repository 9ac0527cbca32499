"""The same requests to the official SDK's server: whatever differs, differs for a reason.

``DIFFERENCES`` is the whole list; docs/mcp.md has it as a table.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.live import Live, in_process
from tests.mcp import oracle
from tests.mcp.speaker import MODERN, PREFIX, SessionSpeaker, Speaker, events, meta

ROOT = Path(__file__).resolve().parents[2]
LISTS = {"tools": "name", "resources": "uri", "resourceTemplates": "uriTemplate", "prompts": "name"}
KNOWN = {"echo", "crash", "test://about", "test://notes/{name}", "recite"}


@dataclass(frozen=True)
class Case:
    """A request; ``version`` says in which era it is sent."""

    name: str
    method: str
    params: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def call(tool: str, **arguments: object) -> dict[str, Any]:
    return {"name": tool, "arguments": arguments}


BOTH_ERAS = [
    Case("list tools", "tools/list"),
    Case("call", "tools/call", call("echo", say="hi")),
    Case("call without an argument", "tools/call", call("echo")),
    Case("call with an unknown argument", "tools/call", call("echo", say="hi", x=1)),
    Case("call with a number as text", "tools/call", call("echo", say="hi", times="2")),
    Case("call nothing", "tools/call", {}),
    Case("call with a list", "tools/call", {"name": "echo", "arguments": [1]}),
    Case("call what is not there", "tools/call", call("nope")),
    Case("call what crashes", "tools/call", call("crash")),
    Case("list resources", "resources/list"),
    Case("list templates", "resources/templates/list"),
    Case("read", "resources/read", {"uri": "test://about"}),
    Case("read by template", "resources/read", {"uri": "test://notes/two"}),
    Case("read what is not there", "resources/read", {"uri": "test://none"}),
    Case("list prompts", "prompts/list"),
    Case("get a prompt", "prompts/get", call("recite", name="one")),
    Case("get a prompt without an argument", "prompts/get", {"name": "recite"}),
    Case("get a prompt that is not there", "prompts/get", {"name": "none"}),
    Case("no such method", "no/such"),
    Case("ping", "ping"),
]
ONLY_MODERN = [
    Case("discover", "server/discover"),
    Case("initialize", "initialize"),
    Case("progress", "tools/call", call("chatter", steps=2) | {"_meta": meta(progressToken=1)}),
    Case("no version", "tools/list", {"_meta": {}}),
    Case("no capabilities", "tools/list", {"_meta": {PREFIX + "protocolVersion": MODERN}}),
    Case(
        "unknown version",
        "tools/list",
        {"_meta": meta(**{PREFIX + "protocolVersion": "1900-01-01"})},
        {"mcp_protocol_version": "1900-01-01"},
    ),
    Case("wrong log level", "tools/list", {"_meta": meta(**{PREFIX + "logLevel": "loud"})}),
    Case("another method in the header", "tools/list", {}, {"mcp_method": "tools/call"}),
    Case("another name in the header", "tools/call", call("echo", say="hi"), {"mcp_name": "other"}),
    Case("accept JSON only", "tools/list", {}, {"accept": "application/json"}),
    Case("accept neither", "tools/list", {}, {"accept": "text/html"}),
]


@dataclass(frozen=True)
class Difference:
    """A row of the table; ``where`` matches ``era/case: path`` of what differs."""

    where: str
    what: str
    ours: str
    theirs: str
    why: str


DIFFERENCES = [
    Difference(
        r".*(ttlMs|cacheScope)",
        "Caching hints",
        "minutes; `public` for lists that are the same for everybody",
        "`ttlMs` 0, `private`",
        "the lists of a running gateway do not change, or it tells",
    ),
    Difference(
        r"modern/discover: .*(supportedVersions|instructions|capabilities).*"
        r"|legacy/initialize: (instructions|capabilities).*"
        r"|modern/unknown version: .*supported.*",
        "`server/discover`, `initialize`",
        "every version that the endpoint speaks; instructions; more capabilities",
        "the modern version only; in sessions, no list ever changes",
        "clients choose from the list; we have completion, logging, tasks and subscriptions in "
        "both eras",
    ),
    Difference(
        r".*serverInfo.*",
        "`serverInfo`",
        "has a title",
        "has none",
        "for people who choose among servers",
    ),
    Difference(
        r".*list tools: .*(inputSchema|outputSchema|annotations|_meta|description).*",
        "Tools in a list",
        "strict schemas (`additionalProperties: false`), annotations, scope and family in `_meta`",
        "schemas without them",
        "agents learn of a misspelt argument, and ask before what executes",
    ),
    Difference(
        r".*/(call|call with.*|progress): .*(content|structuredContent).*",
        "Results of tools",
        "text for a reader beside the data; details of bad arguments as data, too",
        "the data as text; the validator's message",
        "models read less; programs need not parse messages",
    ),
    Difference(
        r".*/call (with an unknown argument|with a number as text): .*isError.*",
        "Unknown arguments, and numbers as text",
        "refused (`isError`)",
        "dropped, or converted",
        "a call that silently means something else is worse than one that fails",
    ),
    Difference(
        r".*/call what is not there: .*",
        "A tool that is not there",
        "an error, -32602",
        "a result with `isError`",
        "the specification has it so (`server/tools`, Error Handling)",
    ),
    Difference(
        r".*/call what crashes: .*",
        "A fault of the server's own",
        "an error, -32603",
        "a result with `isError`",
        "a model can do nothing about it; an operator can",
    ),
    Difference(
        r".*/get a prompt (without|that).*",
        "A prompt that is not there, or lacks an argument",
        "-32602",
        "-32603, or an error code of 0",
        "the specification has it so (`server/prompts`, Error Handling)",
    ),
    Difference(
        r".*/list resources: .*nextCursor",
        "Resources that a template stands for",
        "listed, page by page",
        "not listed",
        "the stored profiles can be found",
    ),
    Difference(
        r"legacy/read what is not there: body.error.code",
        "A resource that is not there, in a session",
        "-32002",
        "-32602",
        "the versions before 2026-07-28 have it so (`server/resources`, Error Handling)",
    ),
    Difference(
        r".*/list prompts: .*(description|title).*",
        "Arguments of prompts",
        "have descriptions",
        "have none",
        "people are asked for them",
    ),
    Difference(
        r".*error\.data.*",
        "`error.data`",
        "what a program can use, or nothing",
        "the method, or an empty text",
        "the message says it",
    ),
    Difference(
        r"modern/accept .*",
        "`Accept` without both kinds",
        "answered with JSON, where the answer is quick",
        "406",
        "curl works; RFC 9110 lets a server disregard it",
    ),
    Difference(
        r"legacy/.*: type",
        "Answers in sessions",
        "JSON, where nothing else is to be told",
        "always a stream",
        "a quarter of the work for both sides",
    ),
]


def of_both(body: Any) -> Any:
    """Only those members of lists that both servers have."""
    result = body.get("result", {}) if isinstance(body, dict) else {}
    for name, key in LISTS.items():
        if name in result:
            result[name] = [each for each in result[name] if each[key] in KNOWN]
            result[name].sort(key=lambda each: each[key])
    return body


def told(answer: Any) -> dict[str, Any]:
    """An answer as what is compared: not how it is worded, nor who made it."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "text/event-stream":
        body: Any = events(answer.text)
        body = of_both(body[0]) if len(body) == 1 else body
    else:
        body = of_both(answer.json()) if kind == "application/json" else None
    return {"status": answer.status_code, "type": kind, "body": plain(body)}


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {name: plain(each) for name, each in value.items() if each is not None}
    if "code" in kept and "message" in kept:
        kept["message"] = "..."
    if "name" in kept and "version" in kept:
        kept |= {"name": "...", "version": "..."}
    return kept


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """The paths at which two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in sorted(ours.keys() | theirs.keys()):
            where = f"{path}.{name}" if path else name
            yield from differences(ours.get(name), theirs.get(name), where)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(mine, other, f"{path}[{index}]")
    elif ours != theirs:
        yield path


@pytest.fixture(scope="module")
def official() -> Iterator[Live]:
    with in_process(oracle.app(), plain=True) as live:
        yield live


@pytest.fixture(scope="module")
def found(live: Live, official: Live) -> list[str]:
    """Every difference there is, as ``era/case: path``."""
    found = []
    speakers = [Speaker(f"{each.url}/mcp") for each in (live, official)]
    for case in BOTH_ERAS + ONLY_MODERN:
        ours, theirs = (
            told(speaker.post(case.method, case.params, **case.headers)) for speaker in speakers
        )
        found += [f"modern/{case.name}: {path}" for path in differences(ours, theirs)]
    sessions = [SessionSpeaker(f"{each.url}/mcp") for each in (live, official)]
    begun = [session.initialize() for session in sessions]
    found += [f"legacy/initialize: {path}" for path in differences(*map(plain, begun))]
    for case in BOTH_ERAS:
        ours, theirs = (told(session.post(case.method, case.params)) for session in sessions)
        found += [f"legacy/{case.name}: {path}" for path in differences(ours, theirs)]
    for client in [each.client for each in speakers] + [each.client for each in sessions]:
        client.close()
    return found


def test_every_difference_has_its_reason(found: list[str]) -> None:
    """One that no row of the table explains is a mistake of ours, or news of theirs."""
    unexplained = [
        each for each in found if not any(re.fullmatch(row.where, each) for row in DIFFERENCES)
    ]
    assert not unexplained, "\n".join(unexplained)


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row.what)
def test_every_reason_has_its_difference(row: Difference, found: list[str]) -> None:
    """A row that explains nothing any more goes."""
    assert any(re.fullmatch(row.where, each) for each in found)


def test_the_docs_have_the_table() -> None:
    """Word for word."""
    page = (ROOT / "docs/mcp.md").read_text()
    for row in DIFFERENCES:
        assert f"| {row.what} | {row.ours} | {row.theirs} | {row.why} |" in page

"""What hostile clients do with sessions of MCP 2025, and what they may get for it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from tests.e2e.attacks import Attack
from tests.e2e.target import Target, code_of
from tests.mcp.speaker import BOTH, message

WAY = "mcp 2025"
Answer = httpx2.Response


class Speaker:
    """A client of the gateway with one of its keys; a context manager."""

    def __init__(self, target: Target, key: str) -> None:
        headers = {"authorization": f"Bearer {key}", "accept": BOTH}
        self._http = httpx2.Client(base_url=target.live.url, headers=headers, timeout=20)

    def __enter__(self) -> "Speaker":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def open(self) -> str:
        """Open a session; its id."""
        client = {"name": "x", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        answer = self.ask("initialize", params)
        return answer.headers["mcp-session-id"]

    def ask(self, method: str, params: Any = None, **headers: str) -> Answer:
        """POST a request."""
        return self.post(message(method, params or {}), **headers)

    def post(self, body: Any, **headers: str) -> Answer:
        """POST anything."""
        return self._http.post("/mcp", json=body, headers=_named(headers))

    def other(self, method: str, **headers: str) -> Answer:
        """GET or DELETE; what comes first."""
        with self._http.stream(method, "/mcp", headers=_named(headers)) as answer:
            if answer.status_code != 200:
                answer.read()
            return answer


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def told(answer: Answer) -> str:
    """Status, and the code of an error."""
    return f"{answer.status_code} {code_of(answer.content)}".strip()


def _with_anothers(use: Callable[[Speaker, str], Answer]) -> Callable[[Target], str]:
    """Have one client use the session of another, and see that its owner can use it still."""

    def send(target: Target) -> str:
        with Speaker(target, target.key) as owner, Speaker(target, target.other) as thief:
            session = owner.open()
            got = told(use(thief, session))
            still = owner.ask("ping", mcp_session_id=session)
            owner.other("DELETE", mcp_session_id=session)
            return got if still.status_code == 200 else f"{got}, and the session is gone"

    return send


def _with_own(use: Callable[[Speaker, str], Answer]) -> Callable[[Target], str]:
    def send(target: Target) -> str:
        with Speaker(target, target.key) as owner:
            session = owner.open()
            got = told(use(owner, session))
            owner.other("DELETE", mcp_session_id=session)
            return got

    return send


def _ended(target: Target) -> str:
    with Speaker(target, target.key) as owner:
        session = owner.open()
        owner.other("DELETE", mcp_session_id=session)
        return told(owner.ask("ping", mcp_session_id=session))


def _too_many(target: Target) -> str:
    """More sessions than one client may have: its oldest go, and nothing grows."""
    with Speaker(target, target.key) as owner:
        sessions = [owner.open() for _ in range(100)]
        got = told(owner.ask("ping", mcp_session_id=sessions[0]))
        for session in sessions:
            owner.other("DELETE", mcp_session_id=session)
        return got


def session_attacks() -> list[Attack]:
    """Every row about sessions."""
    return list(_attacks())


def _attacks() -> Iterator[Attack]:
    gone = ("404 1440",)
    call = {"name": "echo", "arguments": {"say": "x"}}
    thefts: dict[str, Callable[[Speaker, str], Answer]] = {
        "call in another's session": lambda thief, session: thief.ask(
            "tools/call", call, mcp_session_id=session
        ),
        "end another's session": lambda thief, session: thief.other(
            "DELETE", mcp_session_id=session
        ),
        "listen to another's session": lambda thief, session: thief.other(
            "GET", mcp_session_id=session
        ),
        "resume another's stream": lambda thief, session: thief.other(
            "GET", mcp_session_id=session, last_event_id="0.0"
        ),
    }
    for name, use in thefts.items():
        yield Attack(name, WAY, _with_anothers(use), gone)
    for name, session in {
        "a session that never was": "A" * 32,
        "a session id of 8 KB": "A" * 8192,
        "a session id of another process": "ffffffff-AAAAAAAA",
        "a session id with a path in it": "../../etc/passwd",
    }.items():
        yield Attack(name, WAY, _guessing(session), gone)
    yield Attack("a session that has ended", WAY, _ended, gone)
    yield Attack("100 sessions of one client", WAY, _too_many, gone)
    own: dict[str, tuple[Callable[[Speaker, str], Answer], tuple[str, ...]]] = {
        "no session id": (lambda owner, _: owner.ask("ping"), ("400 -32600",)),
        "initialize in a session": (
            lambda owner, session: owner.ask("initialize", {}, mcp_session_id=session),
            ("200 -32602", "400 -32600", "200 -32600", "400 -32602"),
        ),
        "batch of 100,000": (
            lambda owner, session: owner.post([1] * 100_000, mcp_session_id=session),
            ("400 -32600",),
        ),
        "an event id that never was": (
            lambda owner, session: owner.other(
                "GET", mcp_session_id=session, last_event_id="9" * 200
            ),
            ("400 -32600",),
        ),
        "an answer that nobody asked for": (
            lambda owner, session: owner.post(
                {"jsonrpc": "2.0", "id": 99, "result": {}}, mcp_session_id=session
            ),
            ("202",),
        ),
        "two session ids": (
            lambda owner, session: owner.post(
                message("ping"), mcp_session_id=f"{session}, {session}"
            ),
            ("404 1440",),
        ),
    }
    for name, (use, expected) in own.items():
        yield Attack(name, WAY, _with_own(use), expected)


def _guessing(session: str) -> Callable[[Target], str]:
    def send(target: Target) -> str:
        with Speaker(target, target.key) as guesser:
            return told(guesser.ask("ping", mcp_session_id=session))

    return send

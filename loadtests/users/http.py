"""Users that call tools over HTTP, by whichever way in the server has."""

import itertools
import json
import random
import time
from typing import Any

import gevent
import msgspec
from locust import FastHttpUser, between, task

from dynogate.load.calls import FIRST_ID, Call, Prepared, prepare, prepare_method
from dynogate.load.replies import Verdict, judge, retry_after
from dynogate.load.samples import PUSHED_BACK, Outcome
from loadtests import arrivals, offer
from loadtests.options import credentials

_PAUSE_SEC = 1.0
_LONGEST_PAUSE = 30.0  # a Retry-After of an hour is not waited for in a load test
_PATHS = {"rpc": "/mcp/tools/call", "mcp": "/mcp"}
_numbers = itertools.count()

_HOT = "total += i * i % 7"
_PROGRAM = f"total = 0\nfor i in range(3_000_000):\n    {_HOT}\n"


class ToolUser(FastHttpUser):
    """One client with an id of its own, that knows what the server offers."""

    abstract = True

    def on_start(self) -> None:
        """Take an id, and the schedule if there is one."""
        self.headers = credentials(self.environment)
        self.arrivals = arrivals.of(self.environment)
        self.client_id = f"locust-{next(_numbers)}"
        self.ask = offer.asker(self.host or "", self.headers)
        self.offer: offer.Offer | None = None
        self.scenario: list[tuple[Prepared, float]] = []
        self._ids = itertools.count(FIRST_ID)

    @staticmethod
    def find(ask: offer.Ask) -> offer.Offer:
        """How this kind of user calls a server.

        Raises:
            NothingOffered: there is no way.
        """
        return offer.find(ask)

    def meet(self) -> offer.Offer | None:
        """What the server offers, found out once.

        None where it offers nothing: that is counted as a failure, so that no run passes that
        could not ask for anything, and the next task tries again.
        """
        if self.offer is None:
            start = time.perf_counter()
            try:
                found = self.find(self.ask)
                self.scenario = self.prepared(found, offer.scenario(self.ask, found))
                self.offer = found
            except offer.NothingOffered as error:
                self.count("meet", type(self).__name__, start, ConnectionError(str(error)))
                gevent.sleep(_PAUSE_SEC)
        return self.offer

    def count(self, kind: str, name: str, start: float, failure: Exception | None) -> None:
        """One entry in Locust's statistics, of something that began at ``start``."""
        self.environment.events.request.fire(
            request_type=kind,
            name=name,
            response_time=(time.perf_counter() - start) * 1000,
            response_length=0,
            exception=failure,
            context=self.context(),
        )

    def prepared(self, found: offer.Offer, calls: tuple[Call, ...]) -> list[tuple[Prepared, float]]:
        """The calls as bytes, with their weights."""
        own = {"_client_id": self.client_id} if found.transport == "rpc" else {}
        named = [msgspec.structs.replace(each, arguments=each.arguments | own) for each in calls]
        return [
            (prepare(each, found.transport, found.era, found.session), each.weight)
            for each in named
        ]

    def call(self, transport: str, prepared: Prepared) -> Any:
        """Send one request when it is due, and judge and count its reply.

        Returns:
            The reply's body where it was a success, otherwise None.
        """
        late = self.arrivals.wait()
        number = next(self._ids)
        with self.client.post(
            _PATHS[transport],
            data=prepared.body(number),  # type: ignore[arg-type]  # bytes go out as they are
            headers={**self.headers, **prepared.headers},
            name=prepared.name,
            catch_response=True,
        ) as response:
            response.request_meta["request_type"] = transport
            response.request_meta["response_time"] += late * 1000
            verdict = _judged(response, number)
            if verdict.outcome in PUSHED_BACK:
                response.request_meta["name"] += f" [{response.status_code}]"
            if verdict.outcome is Outcome.OK or verdict.outcome in PUSHED_BACK:
                response.success()
            else:
                response.failure(f"{verdict.outcome.name}: {verdict.why}")
        if verdict.outcome in PUSHED_BACK:
            self.pause(max(verdict.retry_after, retry_after(response.headers.get("Retry-After"))))
        return response.content if verdict.outcome is Outcome.OK else None

    def pause(self, seconds: float) -> None:
        """Leave the server alone as long as it asked for; a schedule goes on regardless."""
        if seconds and not self.arrivals.are_scheduled:
            gevent.sleep(min(seconds, _LONGEST_PAUSE))


def _judged(response: Any, number: int) -> Verdict:
    if not response.status_code:
        return Verdict(Outcome.CONNECTION, str(response.error) or type(response.error).__name__)
    media = response.headers.get("Content-Type", "")
    events = media.startswith("text/event-stream")
    return judge(response.status_code, response.content or b"", number, events=events)


class MCPUser(ToolUser):
    """An ordinary client: lists, views, a query now and then, and looks whether all is well.

    Weights: list_databases 3, list_views 2, execute_query 1, health_check 1. Where the server has
    no SQL tools, its cheapest read-only tools take their places.
    """

    weight = 10
    think = staticmethod(between(1, 3))

    def wait_time(self) -> float:
        """Time to think, in seconds; with a schedule there is none."""
        if self.arrivals.are_scheduled:
            return 0.0
        seconds: float = self.think(self)
        return seconds

    @task(6)
    def call_tool(self) -> None:
        """One of the tools, by weight."""
        found = self.meet()
        if found is not None:
            calls, weights = zip(*self.scenario, strict=True)
            self.call(found.transport, random.choices(calls, weights)[0])  # noqa: S311

    @task(1)
    def health_check(self) -> None:
        """``GET /health`` of a gateway; listing the tools of any other server."""
        found = self.meet()
        if found is None:
            return
        if found.transport == "mcp":
            request = prepare_method("tools/list", {}, "mcp", found.era, found.session)
            self.call("mcp", request)
            return
        late = self.arrivals.wait()
        with self.client.get("/health", name="health_check", catch_response=True) as response:
            response.request_meta["response_time"] += late * 1000


class HeavyMCPUser(MCPUser):
    """The same, in a hurry."""

    weight = 3
    think = staticmethod(between(0.1, 0.5))


class StreamableMCPUser(MCPUser):
    """A client of MCP Streamable HTTP, in the newest era that the server speaks."""

    weight = 3

    @staticmethod
    def find(ask: offer.Ask) -> offer.Offer:
        """How to call the server by ``/mcp``."""
        return offer.find_mcp(ask)

    def on_stop(self) -> None:
        """End the session, as clients should."""
        session = self.offer.session if self.offer is not None else None
        if session is not None:
            offer.close_session(self.host or "", {**self.headers, "Mcp-Session-Id": session})


class ProfilingUser(ToolUser):
    """Someone who has code profiled and asks for its hot line: the whole way, checked."""

    weight = 1
    wait_time = between(1, 5)

    @staticmethod
    def find(ask: offer.Ask) -> offer.Offer:
        """How to call a gateway that profiles code."""
        found = offer.find(ask)
        missing = {"profile_code", "get_cpu_hotspots"} - {tool["name"] for tool in found.tools}
        if missing:
            raise offer.NothingOffered(f"the server has no {' and no '.join(sorted(missing))}")
        return found

    @task
    def find_the_hot_line(self) -> None:
        """Profile a program, then ask for its hottest line; wrong answers are failures."""
        start = time.perf_counter()
        profile = self.structured(Call("profile_code", {"code": _PROGRAM, "cpu_only": True}))
        if profile is None:
            return
        asked = {"profile_id": profile["profile_id"], "top_n": 1}
        found = self.structured(Call("get_cpu_hotspots", asked))
        if found is None:
            return
        lines = [row["source"].strip() for row in found["hotspots"]]
        wrong = None if lines == [_HOT] else AssertionError(f"the hottest line is told as {lines}")
        self.count("profile", "from code to hot line", start, wrong)

    def structured(self, call: Call) -> dict[str, Any] | None:
        """The structured content that a call returns; None where it failed."""
        found = self.meet()
        if found is None:
            return None
        ((prepared, _),) = self.prepared(found, (call,))
        body = self.call(found.transport, prepared)
        return None if body is None else dict(json.loads(body)["result"]["structuredContent"])

"""Users that call tools over HTTP, by whichever way in the server has."""

import itertools
import json
import random
import time
from collections.abc import Mapping
from typing import Any

import gevent
from locust import FastHttpUser, between, task
from locust.exception import StopUser

from dynogate.load.calls import FIRST_ID, Call, Prepared, prepare, prepare_method
from dynogate.load.replies import Verdict, judge, retry_after
from dynogate.load.samples import PUSHED_BACK, Outcome
from loadtests import arrivals, offer
from loadtests.options import credentials

_LONGEST_PAUSE = 30.0  # a Retry-After of an hour is not waited for in a load test
_PATHS = {"rpc": "/mcp/tools/call", "mcp": "/mcp"}
_numbers = itertools.count()

_HOT = "total += i * i % 7"
_PROGRAM = f"total = 0\nfor i in range(3_000_000):\n    {_HOT}\n"


class ToolUser(FastHttpUser):
    """One client with an id of its own, that knows what the server offers."""

    abstract = True

    def on_start(self) -> None:
        """Find out what the server offers; a user that finds nothing to call ends."""
        self.headers = credentials(self.environment)
        self.arrivals = arrivals.of(self.environment)
        self.client_id = f"locust-{next(_numbers)}"
        self._ids = itertools.count(FIRST_ID)
        try:
            self.offer = self.find()
            self.scenario = self.prepared(offer.scenario(self.ask, self.offer))
        except offer.NothingOffered as error:
            self.give_up(str(error))

    def find(self) -> offer.Offer:
        """How to call the server.

        Raises:
            NothingOffered: there is no way.
        """
        return offer.find(self.ask)

    def give_up(self, why: str) -> None:
        """Record a failure, so that no run passes that could not ask for anything; end this user."""
        self.environment.events.request.fire(
            request_type="meet",
            name=type(self).__name__,
            response_time=0.0,
            response_length=0,
            exception=ConnectionError(why),
            context=self.context(),
        )
        gevent.sleep(1)  # Locust puts no one in an ended user's place, but asks again in web mode
        raise StopUser

    def ask(self, path: str, body: bytes, headers: Mapping[str, str]) -> offer.Reply:
        """A request that counts in no statistics."""
        method = "POST" if body else "GET"
        response = self.client._send_request_safe_mode(
            method, f"{self.host}{path}", payload=body or None, headers={**self.headers, **headers}
        )
        found = {name.lower(): value for name, value in (response.headers or {}).items()}
        return offer.Reply(response.status_code, found, response.content or b"")

    def prepared(self, calls: tuple[Call, ...]) -> list[tuple[Prepared, float]]:
        """The calls as bytes, with their weights."""
        transport = self.offer.transport
        own = {"_client_id": self.client_id} if transport == "rpc" else {}
        return [
            (
                prepare(
                    Call(call.tool, call.arguments | own), transport, self.offer.era, self.offer.session
                ),
                call.weight,
            )
            for call in calls
        ]

    def call(self, prepared: Prepared) -> Any:
        """Send one request when it is due, and judge and count its reply.

        Returns:
            The reply's body where it was a success, otherwise None.
        """
        late = self.arrivals.wait()
        number = next(self._ids)
        with self.client.post(
            _PATHS[self.offer.transport],
            data=prepared.body(number),
            headers={**self.headers, **prepared.headers},
            name=prepared.name,
            catch_response=True,
        ) as response:
            response.request_meta["request_type"] = self.offer.transport
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
        calls, weights = zip(*self.scenario, strict=True)
        self.call(random.choices(calls, weights)[0])

    @task(1)
    def health_check(self) -> None:
        """``GET /health`` of a gateway; listing the tools of any other server."""
        if self.offer.transport == "mcp":
            request = prepare_method("tools/list", {}, "mcp", self.offer.era, self.offer.session)
            self.call(request)
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

    def find(self) -> offer.Offer:
        """How to call the server by ``/mcp``."""
        return offer.find_mcp(self.ask)

    def on_stop(self) -> None:
        """End the session, as clients should."""
        session = self.offer.session
        if session is not None:
            headers = {**self.headers, "Mcp-Session-Id": session}
            self.client._send_request_safe_mode("DELETE", f"{self.host}/mcp", headers=headers)


class ProfilingUser(ToolUser):
    """Someone who has code profiled and asks for its hot line: the whole way, checked."""

    weight = 1
    wait_time = between(1, 5)

    def find(self) -> offer.Offer:
        """How to call a gateway that profiles code."""
        found = super().find()
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
        found = self.structured(
            Call("get_cpu_hotspots", {"profile_id": profile["profile_id"], "top_n": 1})
        )
        if found is None:
            return
        lines = [row["source"].strip() for row in found["hotspots"]]
        wrong = None if lines == [_HOT] else AssertionError(f"the hottest line is told as {lines}")
        self.environment.events.request.fire(
            request_type="profile",
            name="from code to hot line",
            response_time=(time.perf_counter() - start) * 1000,
            response_length=0,
            exception=wrong,
            context=self.context(),
        )

    def structured(self, call: Call) -> dict[str, Any] | None:
        """The structured content that a call returns; None where it failed."""
        ((prepared, _),) = self.prepared((call,))
        body = self.call(prepared)
        if body is None:
            return None
        reply = json.loads(body)
        return dict(reply["result"]["structuredContent"])

"""The engine for most runs: aiohttp, a task a call."""

import asyncio
import socket
from collections.abc import Sequence
from types import SimpleNamespace

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult

from dynogate.load.calls import FIRST_ID, Prepared
from dynogate.load.engines.base import Engine, lost, told
from dynogate.load.engines.fast import IDLE_LIMIT
from dynogate.load.engines.http1 import MAX_BODY
from dynogate.load.replies import Verdict, judge, retry_after
from dynogate.load.samples import Outcome
from dynogate.load.targets import Target

_DIGITS = len(str(MAX_BODY))
"""A length of fewer digits is within the limit."""


def session_for(target: Target) -> aiohttp.ClientSession:
    """An HTTP session as a load test needs it: as many connections as there are calls."""
    tls = target.tls_context()
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=IDLE_LIMIT,
            ssl=tls if tls is not None else True,
            resolver=_Pinned(target.addresses) if target.addresses else None,
        ),
        # aiohttp rounds longer timeouts up to whole seconds unless told not to.
        timeout=aiohttp.ClientTimeout(total=target.timeout, ceil_threshold=target.timeout + 1),
        headers={
            "User-Agent": "dynogate-load",
            "Accept-Encoding": "identity",
            **target.headers,
        },
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=[_no_redirects()] if target.transport == "ws" else None,
    )


class _Pinned(AbstractResolver):
    """Resolves every name to the same addresses."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


def _no_redirects() -> aiohttp.TraceConfig:
    """Ends a WebSocket's handshake that is redirected: ``ws_connect`` has no option for it."""

    async def refuse(
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        redirect: aiohttp.TraceRequestRedirectParams,
    ) -> None:
        response = redirect.response
        response.close()
        raise aiohttp.WSServerHandshakeError(
            response.request_info,
            response.history,
            status=response.status,
            message="redirected",
            headers=response.headers,
        )

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace


class HttpEngine(Engine):
    """Calls over aiohttp.

    Args:
        target: where to.
        calls: the kinds of calls, ready to be sent.
    """

    def __init__(self, target: Target, calls: tuple[Prepared, ...]) -> None:
        self._target = target
        self._calls = calls
        self._session: aiohttp.ClientSession
        self._running: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connections are opened when they are needed."""
        self._session = session_for(self._target)

    def send(self, index: int) -> None:
        """As a task of its own, which goes on with the same user's next calls."""
        task = asyncio.create_task(self._user(index))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _user(self, index: int) -> None:
        while index >= 0:
            index = self.driver.ended(index, await self._call(index))

    async def _call(self, index: int) -> Verdict:
        calls = self._calls
        call = calls[self.driver.book.kind(index) if len(calls) > 1 else 0]
        request_id = FIRST_ID + index
        try:
            async with self._session.post(
                self._target.url,
                data=call.body(request_id),
                headers=call.headers,
                allow_redirects=False,
            ) as response:
                headers = response.headers
                length = headers.get(hdrs.CONTENT_LENGTH, "")
                small = 0 < len(length) < _DIGITS
                body = await (response.read() if small else _read(response))
        except TimeoutError:
            return Verdict(Outcome.TIMEOUT, "no complete answer in time")
        except aiohttp.ClientPayloadError as error:
            return Verdict(Outcome.BAD_REPLY, f"the answer was cut off: {told(error)}")
        except aiohttp.ClientResponseError as error:
            return Verdict(Outcome.BAD_REPLY, f"not HTTP: {told(error)}")
        except (aiohttp.ClientError, OSError) as error:
            return lost(error)
        if body is None:
            return Verdict(Outcome.BAD_REPLY, f"a body of more than {MAX_BODY} bytes")
        events = headers.get(hdrs.CONTENT_TYPE, "").startswith("text/event-stream")
        verdict = judge(response.status, body, request_id, events=events)
        wait = headers.get(hdrs.RETRY_AFTER)
        return verdict._replace(retry_after=retry_after(wait)) if wait else verdict

    def expire(self, before: float) -> None:
        """Nothing to do: aiohttp has timers of its own."""

    async def close(self) -> None:
        """End what is in flight and close the connections."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """A body of unknown length, or None where it is over the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > MAX_BODY:
            response.close()
            return None
    return b"".join(parts)

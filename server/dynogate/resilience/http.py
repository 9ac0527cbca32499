"""Another server, asked over HTTP: within bounds of time and size, again where that is safe."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx2
import msgspec

from dynogate.errors import UpstreamFailed
from dynogate.resilience.breaker import OnChange
from dynogate.resilience.names import addresses_async
from dynogate.resilience.policy import Policy
from dynogate.resilience.retry import async_retry
from dynogate.resilience.retry_after import read_retry_after
from dynogate.tls import NO_TLS

# RFC 9110, section 9.2.2; TRACE is of no use here.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_COME_BACK = frozenset({429, 502, 503, 504})
_FOUND_SEC = 30.0
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered.

    Attributes:
        status: below 500, and not 429; 3xx is not followed.
        headers: by name, whatever its case.
        body: the whole of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            UpstreamFailed: it is none.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise UpstreamFailed(
                f"what the server answered is no JSON: {error}", answered=self.status
            ) from None


class Upstream:
    """One server that is asked over HTTP. Belongs to one event loop.

    Whoever asks waits for ``policy.timeout_sec`` at most, retries included. A failed attempt (no
    whole answer, or one that says to come back: 429, 502, 503, 504) is repeated where the request
    is idempotent, and not before the time that Retry-After names. Where attempts keep failing (no
    whole answer, or 500 and above) the circuit opens, and nothing is sent for a while.

    Args:
        name: of the server, for errors, logs and metrics; clients see it.
        url: what paths are appended to.
        policy: how it is asked.
        on_change: told whenever its circuit opens or closes.
        max_bytes: longest answer.
        max_connections: requests under way at once; others wait.

    Attributes:
        breaker: counts its failures.
    """

    def __init__(
        self,
        name: str,
        url: str,
        policy: Policy,
        *,
        on_change: OnChange | None = None,
        max_bytes: int = 4 * 2**20,
        max_connections: int = 32,
    ) -> None:
        self.name = name
        self.breaker = policy.breaker(name, _is_down, on_change)
        self._url = url
        self._timeout_sec = policy.timeout_sec
        self._max_bytes = max_bytes
        self._limits = httpx2.Limits(max_connections=max_connections)
        self._client: httpx2.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._found_until = 0.0
        backoff = replace(policy.backoff(_is_worth_it), idempotent=lambda request: request.again)
        self._ask = async_retry(backoff)(self._attempt)

    async def get(self, path: str, *, headers: Mapping[str, str] = _NO_HEADERS) -> Reply:
        """Read what is at ``path``.

        Raises:
            UpstreamFailed: it did not answer in time, or with 429 or 500 and above.
            CircuitOpen: it has kept failing, and was not asked.
        """
        return await self.request("GET", path, headers=headers)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        content: bytes | None = None,
        idempotent: bool | None = None,
    ) -> Reply:
        """Send a request.

        Args:
            idempotent: whether it may be sent twice; None for what its method says.

        Raises:
            UpstreamFailed: it did not answer in time, or with 429 or 500 and above.
            CircuitOpen: it has kept failing, and was not asked.
        """
        again = method in _IDEMPOTENT if idempotent is None else idempotent
        ends_at = asyncio.get_running_loop().time() + self._timeout_sec
        return await self._ask(_Request(method, self._url + path, headers, content, again, ends_at))

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _attempt(self, request: "_Request") -> Reply:
        async with self.breaker.guarding_async():
            try:
                async with asyncio.timeout_at(request.ends_at):
                    return await self._exchange(request)
            except TimeoutError:
                raise UpstreamFailed(
                    f"{self.name} did not answer within {self._timeout_sec:g} s"
                ) from None
            except (httpx2.HTTPError, OSError) as error:
                problem = str(error) or type(error).__name__
                raise UpstreamFailed(f"{self.name} did not answer: {problem}") from error

    async def _exchange(self, request: "_Request") -> Reply:
        await self._look_up()
        client = await self._opened()
        body = bytearray()
        async with client.stream(
            request.method,
            request.url,
            content=request.content,
            # What is packed may be a thousand times as long unpacked.
            headers={"accept-encoding": "identity", **request.headers},
        ) as response:
            status = response.status_code
            if status in _COME_BACK or status >= 500:
                raise UpstreamFailed(
                    f"{self.name} answers {status}",
                    answered=status,
                    retry_after=read_retry_after(response.headers.get("retry-after")),
                )
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._max_bytes:
                    raise UpstreamFailed(
                        f"{self.name} answers more than {self._max_bytes} bytes", answered=status
                    )
        return Reply(status, response.headers, bytes(body))

    async def _look_up(self) -> None:
        """See that the server's name can be found at all, which the event loop would wait for.

        Raises:
            OSError: it cannot.
        """
        now = time.monotonic()
        if now < self._found_until or getproxies():  # or the proxy knows the name
            return
        await addresses_async(urlsplit(self._url).hostname or "")
        self._found_until = now + _FOUND_SEC

    async def _opened(self) -> httpx2.AsyncClient:
        async with self._opening:
            if self._client is None:
                # In a thread, and only where one is needed: reading all known certificates takes
                # 20 to 90 ms of a core. Without a timeout: each phase of an exchange would have
                # it, and the sum would be anything.
                is_plain = self._url.lower().startswith("http:") and not getproxies()
                self._client = await asyncio.to_thread(
                    httpx2.AsyncClient,
                    timeout=None,
                    limits=self._limits,
                    verify=NO_TLS if is_plain else True,
                )
            return self._client


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    again: bool
    ends_at: float


def _is_down(error: Exception) -> bool:
    """Whether the server is, rather than what was asked being wrong."""
    return isinstance(error, UpstreamFailed) and (error.answered is None or error.answered >= 500)


def _is_worth_it(error: Exception) -> bool:
    """Whether another attempt might succeed."""
    return isinstance(error, UpstreamFailed) and (
        error.answered is None or error.answered in _COME_BACK
    )

"""The public keys of a token issuer, by URL, as they come and go (RFC 7517)."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx2
import jwt
import msgspec

from dynogate.errors import Busy, IssuerUnavailable
from dynogate.guards.single_flight import SingleFlight
from dynogate.resilience.names import addresses_async
from dynogate.telemetry.logs import get_logger

log = get_logger(__name__)

_FRESH_SEC = 600.0  # a key that the issuer took back is refused by then
_STALE_SEC = 86_400.0  # how long an issuer may be out of reach
_ASK_AGAIN_SEC = 10.0  # tokens with invented key ids must not become requests to the issuer
_FETCH_SEC = 5.0
_WAITING_AT_ONCE = 64
_MAX_BYTES = 256 * 1024
_MAX_KEYS = 100
# One kind of key for each algorithm, and no secrets: a public key that is taken for one lets
# anybody sign (RFC 8725, section 3.1).
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}


class Jwks:
    """The keys that an issuer publishes at ``url``. Belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: list[dict[str, Any]] = []
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._problem: str | None = None
        self._fetching = SingleFlight[None]()
        self._waiting = 0
        self._refreshing: asyncio.Task[None] | None = None

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of this id, for ``algorithm`` (one of `KINDS`); None where there is none.

        A token without a key id is good where only one key fits.

        Raises:
            IssuerUnavailable: the issuer cannot be asked, and it is not known.
            Busy: too many wait for the issuer already; tokens with known keys need not.
        """
        age = time.monotonic() - self._fetched_at
        found = self._find(kid, algorithm) if age < _STALE_SEC else None
        if found is not None:
            if age > _FRESH_SEC and self._may_ask():
                self._refreshing = asyncio.ensure_future(self._fetch_once())
            return found
        if self._may_ask() or len(self._fetching):
            await self._wait_for_fetch()
        found = self._find(kid, algorithm)
        if found is None and self._problem is not None:
            raise IssuerUnavailable(
                f"the keys of the token issuer cannot be had: {self._problem}; try again later"
            )
        return found

    def _may_ask(self) -> bool:
        return time.monotonic() - self._asked_at >= _ASK_AGAIN_SEC

    def _find(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        fitting = [key for key in self._keys if _fits(key, kid, algorithm)]
        if len(fitting) != 1:
            return None
        try:
            return jwt.PyJWK(fitting[0], algorithm=algorithm)
        except jwt.PyJWTError:
            return None

    async def _wait_for_fetch(self) -> None:
        if self._waiting >= _WAITING_AT_ONCE:
            raise Busy("too many tokens wait for their issuer's keys; try again", retry_after=1.0)
        self._waiting += 1
        try:
            await self._fetch_once()
        finally:
            self._waiting -= 1

    async def _fetch_once(self) -> None:
        await self._fetching(b"", self._fetch)

    async def _fetch(self) -> None:
        self._asked_at = time.monotonic()
        try:
            async with asyncio.timeout(_FETCH_SEC):
                self._keys = await _read(self._url)
        except (httpx2.HTTPError, OSError, ValueError) as error:
            late = isinstance(error, TimeoutError)
            told = f"no answer within {_FETCH_SEC:g} s" if late else str(error)
            self._problem = told or type(error).__name__
            log.error("the token issuer's keys cannot be had", problem=self._problem)
            return
        self._problem = None
        self._fetched_at = time.monotonic()


def _fits(key: dict[str, Any], kid: str | None, algorithm: str) -> bool:
    return (
        key.get("kty") == KINDS[algorithm]
        and (kid is None or key.get("kid") == kid)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    )


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


async def _read(url: str) -> list[dict[str, Any]]:
    """Fetch a key set, within bounds of size.

    Raises:
        HTTPError: the issuer could not be reached.
        OSError: its name could not be found.
        ValueError: what it sent is no key set.
    """
    if not getproxies():  # or the proxy knows the name
        await addresses_async(urlsplit(url).hostname or "")
    body = bytearray()
    # Reading the system's certificates takes up to 0.1 s: not on the event loop.
    verify = await asyncio.to_thread(httpx2.create_ssl_context)
    async with (
        httpx2.AsyncClient(timeout=None, verify=verify) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as response,
    ):
        if response.status_code != 200:
            raise ValueError(f"{url} answers {response.status_code}")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError(f"{url} sends too much")
    try:
        return msgspec.json.decode(body, type=_Set).keys[:_MAX_KEYS]
    except msgspec.DecodeError as error:
        raise ValueError(f"{url} is no JSON Web Key Set: {error}") from None

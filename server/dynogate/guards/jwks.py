"""The public keys of a token issuer, by URL, as they come and go (RFC 7517)."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec

from dynogate.errors import Busy, IssuerUnavailable, Unavailable, UpstreamFailed
from dynogate.guards.single_flight import SingleFlight
from dynogate.resilience.breaker import OnChange
from dynogate.resilience.http import Reply, Upstream
from dynogate.resilience.policy import Policy
from dynogate.telemetry.logs import get_logger

log = get_logger(__name__)

_FRESH_SEC = 600.0  # a key that the issuer took back is refused by then
_STALE_SEC = 86_400.0  # how long an issuer may be out of reach
_ASK_AGAIN_SEC = 10.0  # tokens with invented key ids must not become requests to the issuer
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
    """The keys that an issuer publishes at ``url``. Belongs to one event loop.

    Args:
        policy: how the issuer is asked.
        on_change: told whenever its circuit opens or closes.

    Attributes:
        issuer: who is asked.
    """

    def __init__(self, url: str, policy: Policy, on_change: OnChange | None = None) -> None:
        self.issuer = Upstream(
            "token_issuer", url, policy, on_change=on_change, max_bytes=_MAX_BYTES
        )
        self._keys: list[dict[str, Any]] = []
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._problem: Unavailable | None = None
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
                "the keys of the token issuer cannot be had: "
                f"{self._problem.message}; try again later",
                retry_after=max(self.issuer.breaker.open_for_sec, self._ask_again_sec()),
            )
        return found

    def _may_ask(self) -> bool:
        return self._ask_again_sec() <= 0

    def _ask_again_sec(self) -> float:
        return self._asked_at + _ASK_AGAIN_SEC - time.monotonic()

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
            self._keys = _keys_in(await self.issuer.get("", headers={"accept": "application/json"}))
        except Unavailable as error:
            self._problem = error
            log.error("the token issuer's keys cannot be had", problem=error.message)
            return
        finally:
            await self.issuer.close()  # it is minutes until the next time
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


def _keys_in(reply: Reply) -> list[dict[str, Any]]:
    if reply.status != 200:
        raise UpstreamFailed(f"it answers {reply.status}", answered=reply.status)
    try:
        return msgspec.json.decode(reply.body, type=_Set).keys[:_MAX_KEYS]
    except msgspec.DecodeError as error:
        raise UpstreamFailed(f"it answers no JSON Web Key Set: {error}", answered=200) from None

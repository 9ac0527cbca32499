"""Who sent a request: API keys of the store, tokens, or ``local`` while nothing is configured."""

import asyncio
import hashlib
import time
from ipaddress import IPv6Address, ip_address

from dynogate.errors import Busy, DynogateError, StoreUnavailable, Unauthenticated
from dynogate.guards.caller import ALL_SCOPES, LOCAL, Caller
from dynogate.guards.credentials import shown_credential
from dynogate.guards.single_flight import SingleFlight
from dynogate.guards.tokens import Tokens, looks_like_token
from dynogate.settings import is_loopback
from dynogate.store.clock import now_us, to_us
from dynogate.store.keys import ApiKey, KeyTable
from dynogate.telemetry.logs import get_logger
from dynogate.wire.fields import Fields

log = get_logger(__name__)

_REMEMBERED = 4096
_ASKING_AT_ONCE = 64
_TOUCH_US = 60_000_000
_LOOK_SEC = 0.25


class Authenticator:
    """Finds the caller behind a request.

    A good credential is remembered, by its SHA-256, for ``ttl_sec``: within that time after its
    revocation it is refused in every process. Belongs to one event loop.

    Args:
        keys: the API keys of the store.
        tokens: the access tokens of an issuer; None where there is none.
        always: credentials are needed even while there is no key.
        ttl_sec: how long what the store said is believed.
    """

    def __init__(
        self,
        keys: KeyTable,
        tokens: Tokens | None = None,
        *,
        always: bool,
        ttl_sec: float = 3.0,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._ttl_sec = ttl_sec
        self._required = always or tokens is not None
        self._look_at = self._believed_until = self._look_began = 0.0
        self._looking: asyncio.Task[None] | None = None
        self._good: dict[bytes, tuple[Caller, float]] = {}
        self._nameless: dict[str, Caller] = {}
        self._verifying = SingleFlight[Caller]()
        self._asking = 0
        self._touching: set[asyncio.Task[None]] = set()

    def recognised(
        self, fields: Fields, query: bytes, client: tuple[str, int] | None
    ) -> Caller | None:
        """Who sent a request with these header fields, from this address; None where somebody has
        to be asked first.

        Raises:
            Unauthenticated: a credential is needed, and there is none.
            InvalidRequest: the credential is in the query string, or there are two.
        """
        credential = shown_credential(fields, query)
        if not self._required:
            return self._without_name(client) if time.monotonic() < self._look_at else None
        if credential is None:
            raise Unauthenticated(
                "this gateway asks for a credential: send Authorization: Bearer <API key"
                f"{' or access token' if self._tokens else ''}>; `dynogate keys create` makes a key"
            )
        known = self._good.get(hashlib.sha256(credential).digest())
        return known[0] if known is not None and time.monotonic() < known[1] else None

    async def caller(self, fields: Fields, query: bytes, client: tuple[str, int] | None) -> Caller:
        """Who sent a request with these header fields, from this address.

        Raises:
            Unauthenticated: a credential is needed, and there is none or it is not good.
            InvalidRequest: the credential is in the query string, or there are two.
            StoreUnavailable: the store cannot say whether the credential is good.
            IssuerUnavailable: the issuer of tokens cannot say it.
            Busy: too many are being asked already.
        """
        caller = self.recognised(fields, query, client)
        if caller is not None:
            return caller
        if not self._required:
            if await self._look():
                return await self.caller(fields, query, client)
            return self._without_name(client)
        credential = shown_credential(fields, query) or b""
        digest = hashlib.sha256(credential).digest()
        text = credential.decode("latin-1")
        return await self._verifying(digest, lambda: self._verify(digest, text))

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._touching, return_exceptions=True)

    async def _look(self) -> bool:
        """Whether a credential is needed by now: believed for a time, looked at from half of it on.

        A store that is silent counts as one that is out of reach: while calls come, none waits for
        it; the first after a pause waits for a moment.
        """
        now = time.monotonic()
        if self._looking is None:
            self._looking, self._look_began = asyncio.ensure_future(self._look_for_keys()), now
            self._looking.add_done_callback(self._looked)
        if self._believed_until == 0.0:
            await asyncio.shield(self._looking)
        elif now >= self._believed_until:
            patience = self._look_began + _LOOK_SEC - now
            if patience > 0:
                await asyncio.wait({self._looking}, timeout=patience)
        return self._required

    async def _look_for_keys(self) -> None:
        try:
            self._required = await asyncio.to_thread(self._keys.exist)
        except StoreUnavailable:
            if self._believed_until == 0.0:
                raise
            # Nobody can have made a key in a store that is out of reach; metrics stay readable.
        now = time.monotonic()
        self._look_at, self._believed_until = now + self._ttl_sec / 2, now + self._ttl_sec

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._looking = None
        if not look.cancelled():
            look.exception()  # whoever waits is told; nobody may be left

    def _without_name(self, client: tuple[str, int] | None) -> Caller:
        address = client[0] if client else ""
        caller = self._nameless.get(address)
        if caller is None:
            if len(self._nameless) >= _REMEMBERED:
                self._nameless.clear()
            caller = self._nameless[address] = _nameless(address)
        return caller

    async def _verify(self, digest: bytes, credential: str) -> Caller:
        self._good.pop(digest, None)
        if self._tokens is not None and looks_like_token(credential):
            caller, good_for_sec = await self._tokens.caller(credential)
        else:
            caller, good_for_sec = await self._by_key(credential)
        self._remember(digest, caller, good_for_sec)
        return caller

    async def _by_key(self, credential: str) -> tuple[Caller, float]:
        if self._asking >= _ASKING_AT_ONCE:
            raise Busy("too many new credentials are being looked up; try again", retry_after=1.0)
        self._asking += 1
        try:
            key = await asyncio.to_thread(self._keys.find, credential)
        finally:
            self._asking -= 1
        if key is None:
            raise Unauthenticated("the API key is not known here", reason="invalid_token")
        if key.state != "good":
            raise Unauthenticated(f"the API key {key.id} is {key.state}", reason="invalid_token")
        self._touch(key)
        name = f"key:{key.name}"
        return Caller(name, key.scopes & ALL_SCOPES, name, key.id), _seconds_left(key)

    def _remember(self, digest: bytes, caller: Caller, good_for_sec: float) -> None:
        while len(self._good) >= _REMEMBERED:
            del self._good[next(iter(self._good))]
        self._good[digest] = (caller, time.monotonic() + min(self._ttl_sec, good_for_sec))

    def _touch(self, key: ApiKey) -> None:
        """Write the time of use down, at most once a minute and in nobody's way."""
        if key.last_used is not None and now_us() - to_us(key.last_used) < _TOUCH_US:
            return
        task = asyncio.ensure_future(self._write_touch(key.id))
        self._touching.add(task)
        task.add_done_callback(self._touching.discard)

    async def _write_touch(self, key_id: str) -> None:
        try:
            await asyncio.to_thread(self._keys.touch, key_id)
        except DynogateError as error:
            log.warning("the use of a key was not recorded", key=key_id, problem=error.message)


def _nameless(address: str) -> Caller:
    """A caller without credentials, counted by address; the /64 of an IPv6 address is one site."""
    if not address or is_loopback(address):
        return LOCAL
    try:
        parsed = ip_address(address)
    except ValueError:
        return LOCAL
    if isinstance(parsed, IPv6Address):
        address = str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return Caller(LOCAL.principal, ALL_SCOPES, f"address:{address}")


def _seconds_left(key: ApiKey) -> float:
    return float("inf") if key.expires is None else (to_us(key.expires) - now_us()) / 1e6

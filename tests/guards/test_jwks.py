"""An issuer's keys as they come, go, and cannot be had."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dynogate.errors import Busy, IssuerUnavailable
from dynogate.guards.jwks import Jwks
from dynogate.resilience.policy import Policy
from tests.issuer import Issuer

POLICY = Policy(timeout_sec=5.0, retries=2, failures=3, recovery_sec=10.0)
IMPATIENT = replace(POLICY, timeout_sec=0.3)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown key is asked for each time."""
    monkeypatch.setattr("dynogate.guards.jwks._ASK_AGAIN_SEC", 0.0)


async def test_keys_are_fetched_once_and_kept(issuer: Issuer) -> None:
    """Also by many at once, and for tokens that name no key where only one fits."""
    keys = Jwks(issuer.url, POLICY)
    found = await asyncio.gather(*(keys.key("first", "RS256") for _ in range(20)))
    assert all(found)
    assert await keys.key(None, "RS256")
    assert issuer.asked == 1


async def test_a_new_key_is_found_when_a_token_names_it(issuer: Issuer, impatient: None) -> None:
    """Rotation: the new one is fetched, and the one that was taken back is gone."""
    keys = Jwks(issuer.url, POLICY)
    assert await keys.key("first", "RS256")
    issuer.keys = {"second": rsa.generate_private_key(65537, 2048)}
    assert await keys.key("second", "RS256")
    assert await keys.key("first", "RS256") is None


async def test_invented_keys_do_not_become_requests(issuer: Issuer) -> None:
    """However many tokens name them."""
    keys = Jwks(issuer.url, POLICY)
    assert await keys.key("first", "RS256")
    for number in range(100):
        assert await keys.key(f"invented{number}", "RS256") is None
    assert issuer.asked == 1


async def test_keys_are_fetched_anew_from_time_to_time(
    issuer: Issuer, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the back of the calls that need them; a key that was taken back ends then."""
    monkeypatch.setattr("dynogate.guards.jwks._FRESH_SEC", 0.0)
    keys = Jwks(issuer.url, POLICY)
    assert await keys.key("first", "RS256")
    issuer.keys = {"second": rsa.generate_private_key(65537, 2048)}
    async with asyncio.timeout(10):
        while await keys.key("first", "RS256"):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"{}"),
        (302, b""),
        (200, b"no JSON"),
        (200, b"[]"),
        (200, b'{"keys":' + b" " * 300_000 + b"[]}"),
    ],
)
async def test_an_issuer_that_cannot_be_asked_is_told_as_such(
    issuer: Issuer, impatient: None, answer: tuple[int, bytes]
) -> None:
    """503: the token may be good. What was known before goes on being so."""
    issuer.answer = answer
    keys = Jwks(issuer.url, POLICY)
    with pytest.raises(IssuerUnavailable, match="try again later"):
        await keys.key("first", "RS256")
    issuer.answer = None
    assert await keys.key("first", "RS256")
    issuer.answer = answer
    with pytest.raises(IssuerUnavailable):
        await keys.key("second", "RS256")
    assert await keys.key("first", "RS256")


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """An issuer that sends a byte now and then, for ever."""
    dripping: list[asyncio.Task[None]] = []

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dripping.append(asyncio.ensure_future(go_on(writer)))
        await reader.read()  # until the client hangs up
        dripping[-1].cancel()
        writer.close()

    async def go_on(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx-more: ")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"


async def test_an_issuer_that_drips_is_given_up(silent: str) -> None:
    """However long each byte lets hope; the headers count, too."""
    start = time.monotonic()
    with pytest.raises(IssuerUnavailable, match=r"did not answer within 0\.3 s"):
        await Jwks(silent, IMPATIENT).key("first", "RS256")
    assert time.monotonic() - start < 1.0


async def test_who_waits_for_a_silent_issuer_keeps_nobody_out(
    issuer: Issuer, silent: str, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens with unknown keys are bounded in number; one whose key is known does not wait."""
    monkeypatch.setattr("dynogate.guards.jwks._WAITING_AT_ONCE", 2)
    keys = Jwks(issuer.url, IMPATIENT)
    assert await keys.key("first", "RS256")
    keys.issuer._url = silent
    waiting = [asyncio.ensure_future(keys.key(f"invented{n}", "RS256")) for n in range(3)]
    await asyncio.sleep(0.05)
    with pytest.raises(Busy, match="wait for their issuer"):
        waiting[2].result()
    assert await keys.key("first", "RS256")
    assert not waiting[0].done()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_name_that_is_not_found_is_told_as_such(impatient: None) -> None:
    """By the resolver's own word."""
    with pytest.raises(IssuerUnavailable, match=r"(?i)name|address"):
        await Jwks("http://nowhere.invalid/keys", POLICY).key("first", "RS256")


async def test_an_issuer_that_is_down_for_a_moment_costs_nobody_an_error(issuer: Issuer) -> None:
    """It is asked again, within the time there is."""
    keys = Jwks(issuer.url, POLICY)
    issuer.answer = (503, b"")

    async def recover() -> None:
        async with asyncio.timeout(5):
            while issuer.asked < 2:
                await asyncio.sleep(0.005)
        issuer.answer = None

    found, _ = await asyncio.gather(keys.key("first", "RS256"), recover())
    assert found
    assert 2 <= issuer.asked <= 3


async def test_an_issuer_that_stays_down_is_left_alone(issuer: Issuer, impatient: None) -> None:
    """Its circuit opens; the error says when to come back. It is not asked before."""
    keys = Jwks(issuer.url, POLICY)
    issuer.answer = (503, b"")
    for _ in range(5):
        with pytest.raises(IssuerUnavailable) as caught:
            await keys.key("first", "RS256")
        assert 8 < (caught.value.retry_after or 0) <= 10
    assert issuer.asked == 3
    assert keys.issuer.breaker.state == "open"


async def test_an_issuer_that_is_not_there(impatient: None) -> None:
    """The same."""
    with pytest.raises(IssuerUnavailable):
        await Jwks("http://127.0.0.1:1/keys", POLICY).key("first", "RS256")


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "kid": "first", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "first", "use": "enc", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "first", "alg": "RS512", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "first"},
        {"kid": "first"},
    ],
)
async def test_keys_that_are_for_something_else_are_not_used(
    issuer: Issuer, key: dict[str, str]
) -> None:
    """Secrets, keys for encryption, keys of another algorithm, and broken ones."""
    issuer.answer = (200, json.dumps({"keys": [key]}).encode())
    assert await Jwks(issuer.url, POLICY).key("first", "RS256") is None


async def test_a_token_without_a_key_id_is_not_guessed_for(issuer: Issuer) -> None:
    """Where two keys fit, it says too little."""
    issuer.keys["second"] = rsa.generate_private_key(65537, 2048)
    issuer.keys["curve"] = ec.generate_private_key(ec.SECP256R1())
    keys = Jwks(issuer.url, POLICY)
    assert await keys.key(None, "RS256") is None
    assert await keys.key(None, "ES256")

"""Addresses of names, with a resolver that may take its time."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dynogate.resilience.names import addresses, addresses_async


class Resolver:
    """Stands in for one whose server is silent until told to go on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = threading.Event()

    def getaddrinfo(self, host: str, *_: object, **__: object) -> list[Any]:
        self.asked.append(host)
        assert self.go_on.wait(10)
        return [(None, None, None, "", ("192.0.2.1", 0)), (None, None, None, "", ("192.0.2.1", 0))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    yield resolver
    resolver.go_on.set()


async def test_a_name_of_this_machine() -> None:
    """By the system's own resolver, both ways."""
    found = addresses("localhost", 10)
    assert found == await addresses_async("localhost")
    assert set(found) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("address", ["192.0.2.1", "::1"])
async def test_an_address_needs_no_lookup(resolver: Resolver, address: str) -> None:
    """It is its own."""
    assert addresses(address, 0) == await addresses_async(address) == (address,)
    assert resolver.asked == []


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 70 + ".invalid", "a..b"])
async def test_a_name_without_addresses_is_an_error(name: str) -> None:
    """Of one kind, also where it cannot be a name at all."""
    with pytest.raises(OSError, match=r".+"):
        addresses(name, 60)
    with pytest.raises(OSError, match=r".+"):
        await addresses_async(name)


async def test_a_silent_resolver_has_one_thread_for_each_name(resolver: Resolver) -> None:
    """Who does not wait any more leaves it to the others, and other names do not wait for it."""
    with pytest.raises(TimeoutError, match=r"'one\.test' was not found within"):
        addresses("one.test", 0.01)
    waiting = [asyncio.ensure_future(addresses_async("one.test")) for _ in range(100)]
    other = asyncio.ensure_future(addresses_async("other.test"))
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    assert sorted(resolver.asked) == ["one.test", "other.test"]
    resolver.go_on.set()
    found = await asyncio.gather(*waiting[1:], other)
    assert set(found) == {("192.0.2.1",)}
    assert await addresses_async("one.test") == ("192.0.2.1",)
    assert resolver.asked.count("one.test") == 2

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from dynogate.errors import BodyTimeout, BodyTooLarge, ClientGone, UnsupportedMediaType
from dynogate.guards.body import BodyGuard, Receive
from dynogate.wire.fields import Fields

JSON = [(b"content-type", b"application/json; charset=utf-8")]


def arriving(*parts: bytes) -> Receive:
    """A client that sends these parts, then waits for ever."""
    messages = [
        {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
        for at, part in enumerate(parts)
    ]

    async def receive() -> MutableMapping[str, Any]:
        if messages:
            return messages.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return receive


def guard(timeout_sec: float = 5.0) -> BodyGuard:
    return BodyGuard(max_bytes=10, timeout_sec=timeout_sec)


@pytest.mark.parametrize("parts", [(b"0123456789",), (b"01234", b"56789"), (b"",)])
async def test_a_body_within_bounds_is_read_whole(parts: tuple[bytes, ...]) -> None:
    """In one message or in several."""
    assert await guard().read(Fields(JSON), arriving(*parts)) == b"".join(parts)


@pytest.mark.parametrize("parts", [(b"0123456789x",), (b"01234", b"56789x", b"never read")])
async def test_a_body_that_turns_out_too_large_is_refused(parts: tuple[bytes, ...]) -> None:
    """Even where no Content-Length said so; what follows is not read."""
    with pytest.raises(BodyTooLarge):
        await guard().read(Fields(JSON), arriving(*parts))


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    """Nothing is received at all."""
    with pytest.raises(BodyTooLarge):
        await guard().read(Fields([*JSON, (b"content-length", b"11")]), arriving())


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"text/plain")],
        [*JSON, (b"content-encoding", b"gzip")],
    ],
)
async def test_only_plain_json_is_taken(headers: list[tuple[bytes, bytes]]) -> None:
    """A form of a web page, or a compressed bomb, is refused by its headers."""
    with pytest.raises(UnsupportedMediaType):
        await guard().read(Fields(headers), arriving(b"{}"))


async def test_a_body_that_never_comes_times_out() -> None:
    """A slow client holds its connection no longer than the limit."""
    with pytest.raises(BodyTimeout):
        await guard(0.05).read(Fields(JSON), arriving())


async def test_a_body_that_trickles_times_out_as_a_whole() -> None:
    """The clock runs for the whole body, not for each part."""
    parts = iter([b"a"] * 100)

    async def trickle() -> MutableMapping[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": next(parts)[:0], "more_body": True}

    with pytest.raises(BodyTimeout):
        await guard(0.1).read(Fields(JSON), trickle)


async def test_a_client_that_hangs_up_is_noticed() -> None:
    """There is nobody to answer."""

    async def gone() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await guard().read(Fields(JSON), gone)

import asyncio
from collections.abc import Callable

from dynogate.transports.joined import JoinedWrites


class Server(asyncio.Protocol):
    """Writes as told to the first client that comes."""

    def __init__(self, write: Callable[[JoinedWrites], None]) -> None:
        self._write = write

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._write(JoinedWrites(transport, asyncio.get_running_loop()))


class Recorder(asyncio.Transport):
    """Notes each write; the real transport is asked in the other tests."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return 7


async def arrived(write: Callable[[JoinedWrites], None]) -> bytes:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(write), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()
            await writer.wait_closed()


async def test_what_is_written_in_one_turn_leaves_as_one_piece() -> None:
    """And what comes later, on its own."""
    recorder = Recorder()
    joined = JoinedWrites(recorder, asyncio.get_running_loop())
    joined.write(b"head ")
    joined.write(b"body")
    assert recorder.written == []
    assert joined.get_write_buffer_size() == 7 + 9
    await asyncio.sleep(0)
    joined.write(b"more")
    await asyncio.sleep(0)
    assert recorder.written == [b"head body", b"more"]


async def test_much_is_not_held_back() -> None:
    """Else a writer that never yields would fill the memory instead of being told to wait."""
    recorder = Recorder()
    joined = JoinedWrites(recorder, asyncio.get_running_loop())
    joined.write(b"x" * 60_000)
    joined.write(b"y" * 6_000)
    assert [len(piece) for piece in recorder.written] == [66_000]
    await asyncio.sleep(0)
    assert len(recorder.written) == 1


async def test_closing_sends_what_was_written_first() -> None:
    """A last answer arrives whole."""

    def write(joined: JoinedWrites) -> None:
        joined.write(b"head ")
        joined.write(b"body")
        joined.close()
        assert joined.is_closing()

    assert await arrived(write) == b"head body"


async def test_aborting_sends_nothing() -> None:
    """Whoever aborts wants no more of it."""

    def write(joined: JoinedWrites) -> None:
        joined.write(b"head")
        joined.abort()

    assert await arrived(write) == b""


async def test_the_rest_is_the_transports() -> None:
    """Everything that is not a write goes straight through."""
    seen: list[object] = []

    def use(joined: JoinedWrites) -> None:
        protocol = joined.get_protocol()
        joined.set_write_buffer_limits(high=1000)
        joined.pause_reading()
        seen.append(joined.is_reading())
        joined.resume_reading()
        joined.set_protocol(protocol)
        seen.extend([joined.is_reading(), joined.get_extra_info("peername")[0], protocol])
        joined.close()

    assert await arrived(use) == b""
    assert seen[:3] == [False, True, "127.0.0.1"]
    assert isinstance(seen[3], Server)

"""SIGTERM under load, with every request accounted for: ``python -m tests.e2e.stopping [WORKERS]``.

Clients send quick and long calls over connections that they keep. Each call carries a number that
the tool writes down when it begins, so that afterwards it is known of every request whether it was
executed and whether its client got the whole answer. A call that was executed without an answer is
lost; one that was refused (503), or whose connection closed without a byte of an answer, may be
sent again, and must not have been executed.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from dynogate.tools.context import ToolContext
from dynogate.tools.registry import Annotations, Toolset
from tests.live import Live, as_process

EXECUTED = "DYNOGATE_TEST_EXECUTED"
QUICK, LONG = 24, 12
LONG_SEC = 1.5

toolset = Toolset("stopping")


class Done(BaseModel):
    """The number of the call."""

    number: int

    def text(self) -> str:
        return str(self.number)


@toolset.tool(scope="tools:read", annotations=Annotations(read_only=True))
async def note(
    ctx: ToolContext,
    *,
    number: Annotated[int, Field(description="of the call")],
    seconds: Annotated[float, Field(description="how long it takes")] = 0.0,
) -> Done:
    """Write the call down, and take some time."""
    with Path(os.environ[EXECUTED]).open("ab") as executed:
        executed.write(b"%d\n" % number)
    await asyncio.sleep(seconds)
    return Done(number=number)


@dataclass
class Account:
    """What became of each call, by its number: ``answered``, ``refused``, ``closed``, ``cut``.

    Attributes:
        in_flight: the calls that were being served when the signal came.
        exit_code, seconds: how the process ended, and how long after the signal.
    """

    fate: dict[int, str] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    executed: set[int] = field(default_factory=set)
    in_flight: set[int] = field(default_factory=set)
    exit_code: int | None = None
    seconds: float = 0.0
    ready: list[int] = field(default_factory=list)

    @property
    def lost(self) -> set[int]:
        """Executed, and not answered in full."""
        return {number for number in self.executed if self.fate.get(number) != "answered"}

    @property
    def in_doubt(self) -> set[int]:
        """Neither answered nor safe to send again."""
        safe = {"answered", "refused", "closed"}
        return {number for number in self.sent if self.fate.get(number) not in safe} | self.lost


class Client:
    """One connection at a time, and calls over it until nobody listens any more."""

    def __init__(self, live: Live, account: Account, numbers: Iterator[int], seconds: float):
        where = urlsplit(live.url)
        self._host, self._port = str(where.hostname), int(where.port or 0)
        self._account = account
        self._numbers = numbers
        self._seconds = seconds

    async def run(self) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
            except ConnectionError:
                return
            try:
                while await self._call(reader, writer):
                    pass
            finally:
                writer.close()
            await asyncio.sleep(0.005)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one call; whether the connection can take another."""
        number = next(self._numbers)
        params = {"number": number, "seconds": self._seconds}
        call = {"jsonrpc": "2.0", "id": number, "method": "note", "params": params}
        body = json.dumps(call).encode()
        head = "POST /mcp/tools/call HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
        self._account.sent.add(number)
        read = b""
        try:
            writer.write(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            read = await reader.readuntil(b"\r\n\r\n")
            answer = read.decode().lower()
            length = int(answer.partition("content-length: ")[2].partition("\r\n")[0])
            told = json.loads(await reader.readexactly(length))
        except asyncio.IncompleteReadError as error:
            self._account.fate[number] = "cut" if read or error.partial else "closed"
            return False
        except ConnectionError:
            self._account.fate[number] = "cut" if read else "closed"
            return False
        if " 200 " in answer.partition("\r\n")[0] and told["id"] == number:
            self._account.fate[number] = "answered"
        else:
            refused = " 503 " in answer.partition("\r\n")[0] and "retry-after: " in answer
            self._account.fate[number] = "refused" if refused else f"unexpected {told}"
        return "connection: close" not in answer


async def stop_under_load(live: Live, executed: Path) -> Account:
    """Load the gateway, stop it in the middle, and account for every call."""
    account, numbers = Account(), itertools.count(1)
    kinds = [0.0] * QUICK + [LONG_SEC] * LONG
    clients = [asyncio.ensure_future(Client(live, account, numbers, kind).run()) for kind in kinds]
    await asyncio.sleep(LONG_SEC)
    while len(account.in_flight) < LONG:  # every long call is under way, and some quick ones are
        await asyncio.sleep(0.05)
        account.in_flight = _numbers(executed) - set(account.fate)
    assert live.process is not None
    began = time.monotonic()
    live.process.send_signal(signal.SIGTERM)
    watching = asyncio.ensure_future(asyncio.to_thread(_watch, live, account))
    await asyncio.gather(*clients)
    account.exit_code = await asyncio.to_thread(live.process.wait, 30)
    account.seconds = time.monotonic() - began
    await watching
    account.executed = _numbers(executed)
    return account


def _watch(live: Live, account: Account) -> None:
    """Ask for readiness until nobody answers."""
    try:
        while True:
            account.ready.append(live.get("/health/ready").status_code)
            time.sleep(0.05)
    except Exception:  # the process is gone, however that shows
        return


def _numbers(executed: Path) -> set[int]:
    return set(map(int, executed.read_text().split()))


def run(folder: Path, workers: int) -> Account:
    """The whole thing, with a gateway of its own."""
    executed = folder / "executed"
    executed.touch()
    env = {
        EXECUTED: str(executed),
        "DYNOGATE_TOOLSETS": "tests.e2e.stopping:toolset",
        "DYNOGATE_RATE_LIMIT": "off",
    }
    with as_process(folder, "--workers", str(workers), env=env) as live:
        return asyncio.run(stop_under_load(live, executed))


def main() -> None:
    """Print what became of the calls."""
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as folder:
        account = run(Path(folder), workers)
    print(f"workers {workers}, connections {QUICK + LONG}, calls sent {len(account.sent)}")
    print("fates:", dict(Counter(account.fate.values())))
    unanswered = account.in_flight - {n for n, fate in account.fate.items() if fate == "answered"}
    print(f"in flight at SIGTERM {len(account.in_flight)}, of those lost {len(unanswered)}")
    print(f"executed without an answer {len(account.lost)}, in doubt {len(account.in_doubt)}")
    print("readiness after SIGTERM:", dict(Counter(account.ready)))
    print(f"exit code {account.exit_code} after {account.seconds:.2f} s")


if __name__ == "__main__":
    main()

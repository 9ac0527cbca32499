"""A generator in a process of its own: ``python -m dynogate.load.worker``, driven by a fleet.

One JSON line in is one thing to do, one JSON line out is what came of it. It ends when its input
does, so that none outlives its fleet.
"""

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from dynogate.errors import DynogateError
from dynogate.load.generator import Generator, Order, Progress, Take
from dynogate.load.samples import Samples

_NICENESS = -10


class Prepare(msgspec.Struct, tag="prepare"):
    """Get ready; ``schedule`` is a file of intended times (``numpy.save``)."""

    order: Order
    schedule: str


class Go(msgspec.Struct, tag="go"):
    """Start at ``start`` (of ``time.perf_counter``); leave the take in the file ``take``."""

    start: float
    take: str


class Stop(msgspec.Struct, tag="stop"):
    """End the run early."""


class Ready(msgspec.Struct, tag="ready"):
    """It may go, or it may not for this reason."""

    why_not: str = ""


class Standing(msgspec.Struct, tag="standing"):
    """How the run stands."""

    progress: Progress


class Done(msgspec.Struct, tag="done"):
    """The take is in its file, or the run broke for this reason."""

    cpu_share: float = 0.0
    complaints: dict[str, int] = {}
    why_not: str = ""


Command = Prepare | Go | Stop
News = Ready | Standing | Done


def save(take: Take, path: Path) -> None:
    """Keep a take's arrays."""
    s = take.samples
    np.savez(
        path,
        intended=s.intended,
        sent=s.sent,
        finished=s.finished,
        outcome=s.outcome,
        kind=s.kind,
        lags=take.lags,
        shape=np.array([s.duration, s.users], float),
    )


def load(path: Path, order: Order, done: Done) -> Take:
    """A take that ``save`` kept."""
    with np.load(path) as arrays:
        duration, users = arrays["shape"]
        samples = Samples(
            intended=arrays["intended"],
            sent=arrays["sent"],
            finished=arrays["finished"],
            outcome=arrays["outcome"],
            duration=float(duration),
            loop="closed" if order.users else "open",
            users=int(users),
            kind=arrays["kind"],
            names=tuple(call.tool for call in order.calls),
        )
        return Take(samples, arrays["lags"], done.cpu_share, Counter(done.complaints))


class Worker:
    """Does what the lines say."""

    def __init__(self) -> None:
        self._generator: Generator | None = None
        self._run: asyncio.Task[None] | None = None

    async def serve(self, lines: asyncio.StreamReader) -> None:
        """Until there are no more."""
        while line := await lines.readline():
            command = msgspec.json.decode(line, type=Command)
            if isinstance(command, Prepare):
                await self._prepare(command)
            elif isinstance(command, Go):
                self._run = asyncio.create_task(self._go(command))
            elif self._generator is not None:
                self._generator.stop()
        if self._generator is not None and self._run is not None:
            self._generator.stop()
            await self._run

    async def _prepare(self, command: Prepare) -> None:
        self._generator = Generator(command.order, np.load(command.schedule))
        try:
            await self._generator.open()
        except (DynogateError, OSError) as error:
            _say(Ready(why_not=str(error)))
        else:
            _say(Ready())

    async def _go(self, command: Go) -> None:
        assert self._generator is not None, "prepare comes first"
        try:
            take = await self._generator.run(
                command.start, lambda progress: _say(Standing(progress))
            )
            await asyncio.to_thread(save, take, Path(command.take))
        except Exception as error:  # the fleet has to hear of it, whatever it is
            _say(Done(why_not=f"{type(error).__name__}: {error}"))
            raise
        _say(Done(take.cpu_share, dict(take.complaints)))


def _say(news: News) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(news) + b"\n")
    sys.stdout.buffer.flush()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await Worker().serve(lines)


def main() -> None:
    """Serve a fleet, ahead of what else runs here where that is allowed: a send has its time."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # for the fleet to hear: its run has a report
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_main())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()

"""The load beside an experiment: an open loop for each stream, all on the journal's clock."""

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos.rig.rig import Rig
from chaos.spec import Load, Stream
from dynogate.errors import RigFailed
from dynogate.load import schedules
from dynogate.load.calls import Call
from dynogate.load.certificate import Limits
from dynogate.load.generator import Progress
from dynogate.load.harness import Harness, Options, Run
from dynogate.load.targets import target

_LIMITS = Limits(late=0.05, lag=0.05)
"""Of the generator's certificate: what bars leave for the noise of a busy machine."""
_STARTED_WITHIN = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a stream brought home.

    Attributes:
        run: samples, certificate, the server's timeline.
        start: when its time 0 was, in seconds since 1970.
    """

    run: Run
    start: float


@dataclass(slots=True)
class _Stream:
    harness: Harness
    started: threading.Event = field(default_factory=threading.Event)


class LoadBeside:
    """Calls the rig's gateway from processes of its own, while the experiment runs here.

    A context manager: entering gets ready, leaving stops what still runs.

    Args:
        load: what to call; None for nothing.
        rig: the gateway's.

    Attributes:
        broken: what kept the load from running, in words; empty where nothing did.
        taken: by stream, once ``wait`` came back.
    """

    def __init__(self, load: Load | None, rig: Rig) -> None:
        self._load = load
        self._rig = rig
        self._streams: dict[str, _Stream] = {}
        self._go = threading.Event()
        self._ready = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="load")
        self._loop: asyncio.AbstractEventLoop | None = None
        self.broken = ""
        self.taken: dict[str, Taken] = {}

    def __enter__(self) -> "LoadBeside":
        if self._load is not None:
            self._thread.start()
            self._ready.wait(_STARTED_WITHIN)
            if self.broken or not self._ready.is_set():
                self.stop()
                raise RigFailed(f"the load cannot start: {self.broken or 'no answer'}")
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Let the calls begin, and come back when they have."""
        self._go.set()
        deadline = time.monotonic() + _STARTED_WITHIN
        for stream in self._streams.values():
            stream.started.wait(max(deadline - time.monotonic(), 0))

    def wait(self) -> Mapping[str, Taken]:
        """Wait for the end of every schedule and the last answers."""
        if self._load is not None and self._go.is_set():
            longest = max((s.timeout for s in self._load.streams), default=0.0)
            self._thread.join(self._load.seconds + longest + _STARTED_WITHIN)
        self.stop()
        return self.taken

    def stop(self) -> None:
        """End it now, with what there is."""
        self._stopped = True
        self._go.set()
        loop = self._loop
        if loop is not None and self._thread.is_alive():
            for stream in self._streams.values():
                loop.call_soon_threadsafe(stream.harness.stop)
        if self._thread.is_alive():
            self._thread.join(_STARTED_WITHIN)

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except Exception as error:  # the judge is told, whatever it was
            self.broken = f"{type(error).__name__}: {error}"
        finally:
            self._ready.set()
            for stream in self._streams.values():
                stream.started.set()

    async def _all(self) -> None:
        assert self._load is not None
        self._loop = asyncio.get_running_loop()
        self._streams = {each.name: self._prepared(each) for each in self._load.streams}
        self._ready.set()
        await asyncio.to_thread(self._go.wait)
        if not self._stopped:
            await asyncio.gather(*(self._one(each) for each in self._load.streams))

    def _prepared(self, stream: Stream) -> _Stream:
        headers = {}
        if stream.authenticated:
            assert self._rig.issuer is not None, "an authenticated stream needs the issuer"
            headers["authorization"] = f"Bearer {self._rig.issuer.token()}"
        where = target(
            self._rig.url(stream.via), stream.transport, headers=headers, timeout=stream.timeout
        )
        started = threading.Event()

        def heard(_: Progress) -> None:
            started.set()

        options = Options(processes=1, pid=self._rig.gateway.process.pid, limits=_LIMITS)
        harness = Harness(where, [Call(stream.tool, stream.arguments)], options, heard)
        return _Stream(harness, started)

    async def _one(self, stream: Stream) -> None:
        assert self._load is not None
        times = schedules.constant(stream.rate, self._load.seconds)
        harness = self._streams[stream.name].harness
        async with harness:
            # The two clocks are read together, so that the journal's and the load's are one.
            offset = time.time() - time.perf_counter()
            run = await harness.open_loop(times, self._load.seconds)
        self.taken[stream.name] = Taken(run, harness.start + offset)

"""The hot paths: what every call passes, and the work behind the commonest tools.

Each is built from the ``dynogate`` that is imported, so that the same paths measure this tree and
an older one. Imports are made in the builders: what an older tree lacks spoils one path only.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any
from unittest.mock import patch

Work = Callable[[int], Any]
"""Does it so many times; what the last time gave."""


@dataclass(frozen=True, slots=True)
class HotPath:
    """One path.

    Attributes:
        build: the work, made ready in an empty folder; what is to be closed in the end goes on the
            stack.
        times: how often it is done in one measurement.
    """

    name: str
    build: Callable[[Path, ExitStack], Work]
    times: int


def _rpc(folder: Path, stack: ExitStack) -> Work:
    from benchmarks.gateway.messages import RPC

    return _posting(folder, stack, RPC.path, RPC.headers, RPC.body)


def _modern(folder: Path, stack: ExitStack) -> Work:
    from benchmarks.gateway.messages import MCP_MODERN

    return _posting(folder, stack, MCP_MODERN.path, MCP_MODERN.headers, MCP_MODERN.body)


def _posting(
    folder: Path, stack: ExitStack, path: str, headers: Mapping[str, str], body: bytes
) -> Work:
    """POSTs to a gateway in this process, without a server: parse, guards, dispatch, encode."""
    from dynogate.app import build_app
    from dynogate.settings import load_settings

    settings = load_settings(
        data_dir=folder,
        toolsets=("benchmarks.gateway.apps.dynogate_toolset:toolset",),
        sandbox="off",
        rate_limit="1000000/second;60000000/minute",
        rate_limit_overall="1000000/second",
    )
    # What is installed declares the entry points of this tree: an older one may lack some.
    with patch("dynogate.tools.toolsets.entry_points", return_value=[]):
        app = build_app(settings)
    head = {**headers, "Host": "127.0.0.1:8000", "Content-Length": str(len(body))}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in head.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }
    received = {"type": "http.request", "body": body, "more_body": False}
    answer = b""

    async def receive() -> MutableMapping[str, Any]:
        return received

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal answer
        answer = message.get("body", b"")

    async def post() -> bytes:
        await app({**scope}, receive, send)
        return answer

    loop = stack.enter_context(_loop())
    lifespan = app.router.lifespan_context(app)
    loop.run_until_complete(lifespan.__aenter__())
    stack.callback(lambda: loop.run_until_complete(lifespan.__aexit__(None, None, None)))
    return _awaiting(loop, post)


def _limiter(folder: Path, stack: ExitStack) -> Work:
    from dynogate.guards.rate_limit import RateLimit
    from dynogate.guards.rates import read_rates
    from dynogate.guards.windows import Windows

    each = read_rates("1000000/second;60000000/minute", "client", "EACH")
    overall = read_rates("1000000/second", "all", "OVERALL")
    limit = RateLimit(Windows(), each=each, overall=overall)
    loop = stack.enter_context(_loop())
    return _awaiting(loop, lambda: limit.take("key:bench", "client-1"))


def _registry(folder: Path, stack: ExitStack) -> Work:
    from benchmarks.gateway.apps.dynogate_toolset import toolset
    from dynogate.tools.registry import FunctionTool, Registry

    registry = Registry(toolset)

    def validated(times: int) -> Any:
        for _ in range(times):
            tool = registry.get("echo_7")
            assert isinstance(tool, FunctionTool)
            arguments = tool.read_arguments(b'{"say":"hello","times":2}')
        return arguments

    return validated


def _parse(folder: Path, stack: ExitStack) -> Work:
    from dynogate.profiling.capture.parser import ProfileParser

    file, parser = _scalene_file(folder), ProfileParser()
    return _again(lambda: parser.parse_file(file))


def _hotspots(folder: Path, stack: ExitStack) -> Work:
    from dynogate.profiling.analysis.analyzer import ProfileAnalyzer
    from dynogate.profiling.capture.parser import ProfileParser

    profile = ProfileParser().parse_file(_scalene_file(folder))

    def ask() -> Any:
        analyzer = ProfileAnalyzer(profile)
        analyzer.get_memory_hotspots()
        analyzer.get_bottlenecks()
        return analyzer.get_cpu_hotspots()

    return _again(ask)


def _store(folder: Path, stack: ExitStack) -> Work:
    from dynogate.profiling.capture.parser import ProfileParser
    from dynogate.profiling.storage import ProfileStorage
    from dynogate.store.database import Database

    profile = ProfileParser().parse_file(_scalene_file(folder))
    database = stack.enter_context(closing(Database(f"sqlite:///{folder / 'store.db'}")))
    storage = ProfileStorage(20, database=database)

    def keep() -> Any:
        profile_id = storage.store(profile)
        storage.lines(profile_id)
        return storage.list(limit=10)

    return _again(keep)


PATHS = (
    HotPath("rpc", _rpc, 100),
    HotPath("modern", _modern, 100),
    HotPath("limiter", _limiter, 500),
    HotPath("registry", _registry, 500),
    HotPath("parse", _parse, 2),
    HotPath("hotspots", _hotspots, 10),
    HotPath("store", _store, 3),
)


def _again(do: Callable[[], Any]) -> Work:
    def work(times: int) -> Any:
        for _ in range(times):
            result = do()
        return result

    return work


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop, in a time that stands still.

    What comes due while others hold the machine (timers, credentials to be looked up again) is no
    part of a path, but would be counted with it.
    """
    with closing(asyncio.new_event_loop()) as loop, patch("time.monotonic", _stopped_clock()):
        loop.time = _stopped_clock()  # type: ignore[method-assign]
        yield loop


def _stopped_clock() -> Callable[[], float]:
    return repeat(time.monotonic()).__next__


def _awaiting(loop: asyncio.AbstractEventLoop, do: Callable[[], Awaitable[Any]]) -> Work:
    async def again(times: int) -> Any:
        for _ in range(times):
            result = await do()
        return result

    return lambda times: loop.run_until_complete(again(times))


def _scalene_file(folder: Path) -> Path:
    """A profile as Scalene writes it: 4 files of 100 lines, of which every tenth cost something."""
    folder.mkdir(exist_ok=True)
    file = folder / "scalene.json"
    files = {f"/srv/app/module_{n}.py": _file(n) for n in range(4)}
    stacks = [
        [
            [f"/srv/app/module_{n % 4}.py work:{5 * at};" for at in range(1, 2 + n % 12)],
            {"count": 1 + n % 7, "python_time": 0.001, "c_time": 0.0005, "cpu_samples": 1},
        ]
        for n in range(120)
    ]
    document = {
        "program": "/srv/app/module_0.py",
        "elapsed_time_sec": 12.5,
        "max_footprint_mb": 310.0,
        "alloc_samples": 400,
        "memory": True,
        "gpu": False,
        "files": files,
        "stacks": stacks,
        "samples": [[30_000_000 * n, 20.0 + n % 17] for n in range(400)],
    }
    file.write_text(json.dumps(document))
    return file


def _file(number: int) -> dict[str, object]:
    def line(at: int) -> dict[str, object]:
        costs = at % 10 == 0
        return {
            "lineno": at,
            "line": f"    total += weights[{at}] * values[{number}]  # \\u003c limit\n",
            "n_cpu_percent_python": 0.5 * (at % 11) if costs else 0.0,
            "n_cpu_percent_c": 0.02 * (at % 7) if costs else 0.0,
            "n_sys_percent": 0.01 if costs else 0.0,
            "n_malloc_mb": float(at % 13) if costs else 0.0,
            "n_mallocs": at % 13 if costs else 0,
            "n_peak_mb": float(at % 13) if costs else 0.0,
            "n_python_fraction": 0.5 if costs else 0.0,
            "cpu_samples_list": [0.01 * at] if costs else [],
        }

    return {"percent_cpu_time": 25.0, "lines": [line(at) for at in range(1, 101)]}

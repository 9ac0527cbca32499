"""The one place where the gateway's parts are wired together."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dynogate.dependencies import Dependencies
from dynogate.errors import ConfigurationError, DynogateError, StoreUnavailable
from dynogate.gateway import Gateway
from dynogate.guards.body import BodyGuard
from dynogate.guards.drain import Drain
from dynogate.guards.readiness import Check, Readiness, in_thread
from dynogate.guards.setup import build_guards, is_public
from dynogate.jobs.limits import Limits
from dynogate.jobs.queue import JobQueue
from dynogate.jobs.records import owner_is_alive, this_owner
from dynogate.jobs.sandbox import sandbox_problem, try_sandbox
from dynogate.jobs.scratch import check_room
from dynogate.load.allowed import AllowedTargets
from dynogate.load.plan import Bounds
from dynogate.load.storage import LoadReportStorage
from dynogate.load.supervised import LoadRunner
from dynogate.mcp.router import Router
from dynogate.mcp.watcher import watch_lists
from dynogate.profiling.capture.profiler import ScaleneProfiler
from dynogate.profiling.storage import ProfileStorage
from dynogate.settings import Settings, load_settings
from dynogate.store.database import Database
from dynogate.store.jobs import JobTable
from dynogate.store.keys import KeyTable
from dynogate.store.reports import ReportTable
from dynogate.store.tasks import TaskTable, shared_secret
from dynogate.telemetry.access import AccessLog
from dynogate.telemetry.audit import Audit
from dynogate.telemetry.logs import configure, get_logger
from dynogate.telemetry.metrics import Metrics
from dynogate.telemetry.pulse import Pulse
from dynogate.telemetry.tracing import build_traces
from dynogate.tools.changes import Changes
from dynogate.tools.context import Services
from dynogate.tools.policy import ChaosPolicy, ProfilingPolicy
from dynogate.tools.tasks import TaskRunner
from dynogate.tools.toolsets import load_registry
from dynogate.transports import rpc
from dynogate.transports.connections import Connections, check_files
from dynogate.transports.front import Front
from dynogate.transports.posted import HTTP
from dynogate.transports.probes import Probes
from dynogate.transports.reception import Reception
from dynogate.transports.responses import error_headers
from dynogate.transports.rpc import RpcEndpoint
from dynogate.transports.shutdown import draining_first
from dynogate.transports.streamable import StreamableEndpoint
from dynogate.transports.websocket import WebSocketEndpoint
from dynogate.transports.wellknown import WellKnown
from dynogate.wire import jsonrpc

log = get_logger(__name__)

# Threads wait for the store, most of the time. asyncio's own number goes by the CPUs (6 where there
# are 2): calls that wait for a thread of those that wait for a silent store would wait for both.
_THREADS = 64


def create_app() -> Starlette:
    """The app that server processes run; its settings come from the environment."""
    settings = load_settings()
    configure(settings.log_level, settings.log_format)
    app = build_app(settings)
    # What is here now stays: a full garbage collection would look through all of it, and nothing
    # is served meanwhile (78 ms were measured, in the middle of a time-out).
    gc.collect()
    gc.freeze()
    return app


def check(settings: Settings) -> None:
    """Find out, before any server process starts, whether one could.

    Raises:
        ConfigurationError: the store, the sandbox or a toolset cannot be had as settings ask, or
            strangers could come in.
    """
    _sandboxed(settings)
    AllowedTargets(settings.load_targets)
    load_registry(settings.toolsets)
    metrics = Metrics()
    dependencies = Dependencies(settings, metrics)
    with closing(open_database(settings, dependencies)) as database:
        build_guards(settings, KeyTable(database), metrics, dependencies)
        _refuse_strangers(settings, KeyTable(database))


def build_app(settings: Settings) -> Starlette:
    """Wire one gateway process.

    Raises:
        ConfigurationError: the store or the sandbox cannot be had as the settings ask.
    """
    sandboxed = _sandboxed(settings)
    metrics = Metrics(settings.run_dir)
    dependencies = Dependencies(settings, metrics)
    allowed = AllowedTargets(settings.load_targets)
    limits = Limits(
        timeout_sec=settings.job_timeout_sec,
        memory_mb=settings.job_memory_mb,
        processes=settings.job_processes,
    )
    database = open_database(settings, dependencies)
    storage = ProfileStorage(
        settings.max_profiles, database=database, max_bytes=settings.max_store_bytes
    )
    records = JobTable(database)
    tasks = TaskTable(
        database,
        keep_us=round(settings.task_ttl_sec * 1_000_000),
        max_per_principal=settings.max_tasks,
        owner_is_alive=owner_is_alive,
    )
    guards = build_guards(settings, KeyTable(database), metrics, dependencies)
    changes = Changes()
    audit = Audit(settings.audit_path)
    drain = Drain()
    gateway = Gateway(
        settings=settings,
        registry=load_registry(settings.toolsets),
        services=Services(
            storage,
            dependencies,
            ScaleneProfiler(
                limits=limits,
                sandbox=sandboxed,
                roots=settings.roots,
            ),
            ProfilingPolicy(
                allow_code=sandboxed or settings.allow_code,
                max_timeout_sec=settings.job_timeout_sec,
                confirm_code=settings.confirm_code,
            ),
            LoadReportStorage(
                database,
                max_reports=settings.max_load_reports,
                max_bytes=settings.max_load_report_bytes,
            ),
            LoadRunner(
                allowed=allowed,
                bounds=Bounds(
                    max_rate=settings.load_max_rate,
                    max_connections=settings.load_max_connections,
                    max_duration_sec=settings.load_max_duration_sec,
                    max_calls=settings.load_max_calls,
                ),
                limits=limits,
            ),
            ReportTable(database),
            ChaosPolicy(allow=settings.allow_chaos, limits=limits),
            changes,
        ),
        jobs=JobQueue(
            max_running=settings.max_running_jobs,
            max_queued=settings.max_queued_jobs,
            records=records,
        ),
        metrics=metrics,
        guards=guards,
        body=BodyGuard(max_bytes=settings.max_body_bytes, timeout_sec=settings.body_timeout_sec),
        readiness=Readiness(
            {
                "store": Check(in_thread(database.ping)),
                "sandbox": Check(in_thread(_sandbox_check(sandboxed)), every_sec=30.0),
                "jobs": Check(in_thread(check_room)),
                "audit": Check(audit.check),
                "circuits": Check(dependencies.look),
                "files": Check(in_thread(check_files)),
                **guards.checks(),
            },
            drain,
        ),
        drain=drain,
        store_figures=lambda: {
            "profiles": storage.count(),
            "size_bytes": storage.size_bytes(),
        },
        changes=changes,
        audit=audit,
        tasks=TaskRunner(tasks, this_owner(), patience_sec=settings.task_ttl_sec),
        secret=shared_secret(database, "request_state"),
        traces=build_traces(settings),
    )

    router = Router(gateway)
    mcp = StreamableEndpoint(gateway, router)
    connections = Connections(
        highest=settings.max_connections,
        head_sec=settings.head_timeout_sec,
        body_sec=settings.body_timeout_sec,
        read_sec=settings.read_timeout_sec,
        max_head_bytes=settings.max_head_bytes,
        max_body_bytes=settings.max_body_bytes,
        metrics=metrics,
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(_THREADS, thread_name_prefix="wait")
        )
        log.info(
            "gateway ready",
            tools=len(gateway.registry),
            sandboxed=sandboxed,
            roots=[str(root) for root in settings.roots],
            lost_jobs=await asyncio.to_thread(_given_up, lambda: records.lost(owner_is_alive)),
            lost_tasks=await asyncio.to_thread(_given_up, tasks.lost),
        )
        watching = asyncio.create_task(watch_lists(gateway))
        sweeping = asyncio.create_task(mcp.run())
        pulse = Pulse(metrics, guards.beat)
        connections.start()
        try:
            with draining_first(gateway):
                yield {"connections": connections}
        finally:
            gateway.drain.begin()
            watching.cancel()
            sweeping.cancel()
            pulse.stop()
            connections.stop()
            await gateway.jobs.drain(settings.shutdown_grace_sec)
            await gateway.tasks.close()
            await guards.close()
            await dependencies.close()
            await asyncio.to_thread(database.close)
            gateway.audit.close()
            if gateway.traces is not None:
                await asyncio.to_thread(gateway.traces.close)
            metrics.close()

    metrics.follow(metrics.jobs_running, lambda: gateway.jobs.running)
    metrics.follow(metrics.jobs_queued, lambda: gateway.jobs.queued)
    metrics.follow(metrics.deferred, lambda: gateway.tasks.running)
    metrics.follow(metrics.sessions, lambda: mcp.sessions)
    metrics.follow(metrics.connections, lambda: len(connections))
    calls = RpcEndpoint(gateway)
    sockets = WebSocketEndpoint(gateway, router)
    access = AccessLog(settings.access_log) if settings.access_log else None
    return Front(
        Reception(
            gateway.drain,
            metrics,
            {"/mcp": HTTP, "/mcp/tools/call": rpc.TRANSPORT},
            access=access,
            traces=gateway.traces,
        ),
        {"/mcp": mcp, "/mcp/tools/call": calls},
        {"/ws": sockets, "/mcp": sockets},
        routes=[
            Route("/mcp", mcp),
            Route("/mcp/tools/call", calls, methods=["POST"]),
            *Probes(gateway).routes,
            *WellKnown(settings).routes,
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_error, DynogateError: _refusal},
    )


def _given_up(lost: Callable[[], int]) -> int | None:
    """What ``lost`` says, or None while the store cannot be written: that must stop no start."""
    try:
        return lost()
    except StoreUnavailable as error:
        log.error("what a dead process left is not recorded as lost", problem=error.message)
        return None


def _refuse_strangers(settings: Settings, keys: KeyTable) -> None:
    if is_public(settings) and settings.jwt_issuer is None and not keys.exist():
        raise ConfigurationError(
            f"DYNOGATE_HOST: refusing to bind {settings.host!r}: other machines could run code "
            "through this gateway, and it has no authentication. Make a key (dynogate keys create "
            "NAME), name a token issuer (DYNOGATE_JWT_ISSUER), bind 127.0.0.1, or set "
            "DYNOGATE_ALLOW_PUBLIC_BIND=1 where something in front of it keeps strangers out"
        )


def _sandboxed(settings: Settings) -> bool:
    if settings.sandbox == "off":
        return False
    problem = sandbox_problem()
    if problem is not None and settings.sandbox == "on":
        raise ConfigurationError(
            f"DYNOGATE_SANDBOX=on, but there is no sandbox here: {problem}. "
            "Install bubblewrap, or set DYNOGATE_SANDBOX=auto"
        )
    return problem is None


def _sandbox_check(sandboxed: bool) -> Callable[[], str | None]:
    def look() -> str | None:
        if not sandboxed:
            return "off"
        problem = try_sandbox()
        if problem is not None:
            raise ConfigurationError(problem)
        return None

    return look


def open_database(settings: Settings, dependencies: Dependencies | None = None) -> Database:
    """The store as the settings ask, with today's schema.

    Raises:
        ConfigurationError: it cannot be created, or is of a newer Dynogate.
    """
    if settings.database_url is None:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"cannot create the data directory {str(settings.data_dir)!r}: "
                f"{error.strerror}. Set DYNOGATE_DATA_DIR to one that can be written"
            ) from error
    if dependencies is None:
        dependencies = Dependencies(settings, Metrics())
    database = Database(
        settings.store_url, policy=dependencies.store, on_change=dependencies.changed
    )
    if database.breaker is not None:
        dependencies.watch(database.breaker)
    database.migrate()
    return database


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # Starlette's signature is wider than its calls
        raise error
    return JSONResponse(
        {"error": error.detail}, status_code=error.status_code, headers=error.headers
    )


async def _refusal(_: Request, error: Exception) -> Response:
    if not isinstance(error, DynogateError):  # Starlette's signature is wider than its calls
        raise error
    headers = {name.decode(): value.decode() for name, value in error_headers(error)}
    return Response(
        jsonrpc.failure(jsonrpc.NULL_ID, error),
        status_code=error.status,
        headers=headers,
        media_type="application/json",
    )

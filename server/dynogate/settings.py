"""Every setting: its name, unit, default and environment variable (``DYNOGATE_<NAME>``)."""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dynogate.errors import ConfigurationError

ENV_PREFIX = "DYNOGATE_"
_LISTS = (
    "allowed_hosts",
    "toolsets",
    "trusted_proxies",
    "jwt_audience",
    "jwt_algorithms",
    "jwt_scopes",
    "load_targets",
)
_REDIS = ("redis://", "rediss://", "unix://")


def default_data_dir() -> Path:
    """The platform's data directory for this user (XDG base directory specification)."""
    base = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(base) / "dynogate"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """The gateway's settings, read from the environment and overridden by the command line."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="ignore", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to bind.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to bind; 0 picks a free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Server processes.")
    allow_public_bind: bool = Field(
        default=False,
        description="Bind an address that other machines can reach although no API key was made "
        "and no JWT issuer is set (inside a container whose port is published to loopback only, "
        "say): everyone who can reach it is let in.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names (comma-separated) that clients may use in the Host header besides "
        "loopback names and the bound address; `*` allows any.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks (comma-separated) of proxies in front of the gateway, "
        "whose X-Forwarded-For and X-Forwarded-Proto headers are believed.",
    )
    public_url: str | None = Field(
        default=None,
        description="URL that clients reach the gateway by, without a path, where a proxy stands "
        "in front of it; default: `http://` with the bound address and port.",
    )
    jwt_issuer: str | None = Field(
        default=None,
        description="Issuer (`iss`) whose JWT access tokens are taken beside API keys; then "
        "everyone needs a credential.",
    )
    jwt_jwks_url: str | None = Field(
        default=None, description="Where that issuer publishes its keys (a JSON Web Key Set)."
    )
    jwt_audience: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Audiences (`aud`, comma-separated) of which a token must name one; default: "
        "the gateway's URL, and the same with `/mcp`.",
    )
    jwt_algorithms: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("RS256", "ES256", "EdDSA"),
        description="How tokens may be signed (comma-separated); public keys only.",
    )
    jwt_scopes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="The issuer's words for our scopes (`profiler.read=tools:read`, "
        "comma-separated), found in `scope`, `scp` or `permissions`.",
    )
    jwt_leeway_sec: float = Field(
        default=30.0, ge=0, le=600, description="How far the issuer's clock and ours may differ."
    )
    jwt_timeout_sec: float = Field(
        default=5.0, gt=0, le=60, description="Longest that the issuer's keys are waited for."
    )
    jwt_retries: int = Field(
        default=2, ge=0, le=20, description="How often they are asked for again within that time."
    )
    jwt_failures: int = Field(
        default=3,
        ge=1,
        description="Requests for them that fail in a row before the issuer is left alone.",
    )
    jwt_recovery_sec: float = Field(
        default=10.0, gt=0, description="For how long it is left alone before it is asked again."
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="Where the embedded store lives."
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the store (`postgresql+psycopg://...`); "
        "default: SQLite in the data directory.",
    )
    store_timeout_sec: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Longest that a call waits for the store: for a lock, a connection, or an "
        "answer.",
    )
    store_retries: int = Field(
        default=2,
        ge=0,
        le=20,
        description="How often a connection to PostgreSQL is tried again within that time.",
    )
    store_failures: int = Field(
        default=5,
        ge=1,
        description="Transactions that fail in a row because PostgreSQL is out of reach before it "
        "is left alone.",
    )
    store_recovery_sec: float = Field(
        default=5.0, gt=0, description="For how long it is left alone before one call asks again."
    )
    max_profiles: int = Field(
        default=200_000, ge=1, description="Stored profiles kept; the oldest go first."
    )
    max_store_bytes: int = Field(
        default=10 * 2**30, ge=2**20, description="Bytes of stored profiles kept; oldest go first."
    )
    roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default_factory=lambda: (Path.cwd(),),
        validate_default=True,
        description="Directories (separated by the platform's path separator) that scripts may "
        "be profiled from; default: where the gateway was started.",
    )
    sandbox: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Run profiled programs under bubblewrap: `auto` where it works, `on` refuses "
        "to start without it.",
    )
    allow_code: bool = Field(
        default=False, description="Allow `profile_code` without the sandbox, too."
    )
    confirm_code: bool = Field(
        default=False,
        description="Where there is no sandbox and `allow_code` is off: run code after the user "
        "confirmed it in an MCP client that can ask. Whoever can call the gateway can bring a "
        "client that confirms anything, so this is for gateways that only trusted people reach.",
    )
    allow_chaos: bool = Field(
        default=False,
        description="Allow `run_chaos_experiment`, which loads this machine and breaks a gateway "
        "of its own.",
    )
    job_timeout_sec: float = Field(
        default=600.0,
        gt=0,
        le=86_400,
        description="Longest a profiled program may be asked to run.",
    )
    job_memory_mb: int = Field(
        default=4096, ge=256, description="Resident memory of a profiled program's process tree."
    )
    job_processes: int = Field(
        default=64, ge=1, description="Processes in a profiled program's process tree."
    )
    load_targets: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("localhost", "127.0.0.0/8", "::1"),
        description="Servers that `run_load_test` may load: host names, IP addresses and networks "
        "(`10.0.0.0/8`), with or without a `:port`, comma-separated. A name counts only while all "
        "its addresses are public ones, or listed, too.",
    )
    load_max_rate: float = Field(
        default=1000.0, gt=0, description="Most calls a second of a load test."
    )
    load_max_connections: int = Field(
        default=256, ge=1, description="Most connections, and so callers, of a load test."
    )
    load_max_duration_sec: float = Field(
        default=300.0, gt=0, le=86_400, description="Longest that a load test may be asked to run."
    )
    load_max_calls: int = Field(
        default=200_000, ge=1, le=20_000_000, description="Most calls of one load test."
    )
    max_load_reports: int = Field(
        default=10_000, ge=1, description="Stored load reports kept; the oldest go first."
    )
    max_load_report_bytes: int = Field(
        default=2**30, ge=2**20, description="Bytes of stored load reports kept; oldest go first."
    )
    max_running_jobs: int = Field(
        default_factory=lambda: max(1, (os.cpu_count() or 2)),
        ge=1,
        description="Jobs that run at once in each server process; default: the CPU count.",
    )
    max_queued_jobs: int = Field(
        default=64, ge=0, description="Jobs that wait for a place; beyond it a call gets 503."
    )
    task_ttl_sec: float = Field(
        default=3600.0,
        ge=1,
        le=30 * 86_400,
        description="Time that the result of a task (a long call that its MCP client comes back "
        "for) is kept after its end, and that a task waits for an answer.",
    )
    max_tasks: int = Field(
        default=1000,
        ge=1,
        description="Tasks kept for each client, running or ended; beyond it a call gets 503.",
    )
    max_body_bytes: int = Field(
        default=4 * 2**20, ge=1024, description="Largest request body; beyond it a call gets 413."
    )
    max_batch: int = Field(default=50, ge=1, description="Calls in one JSON-RPC batch.")
    max_head_bytes: int = Field(
        default=32 * 2**10,
        ge=1024,
        description="Longest head (request line and headers); beyond it a connection gets 431.",
    )
    head_timeout_sec: float = Field(
        default=8.0,
        gt=0,
        description="Time a client has to send a request's head, on a new connection from its "
        "beginning.",
    )
    body_timeout_sec: float = Field(
        default=8.0, gt=0, description="Time a client has to send its request body."
    )
    max_sockets: int = Field(
        default=4096,
        ge=1,
        description="WebSockets that are open at once in each server process, fewer where it may "
        "not open twice as many files.",
    )
    max_sockets_per_client: int = Field(
        default=1024, ge=1, description="The same for one client (a key, or else an address)."
    )
    socket_idle_timeout_sec: float = Field(
        default=3600.0,
        gt=0,
        description="Time without a message after which a WebSocket is closed, if no call runs.",
    )
    socket_ping_sec: float = Field(
        default=20.0,
        gt=0,
        description="Silence after which a WebSocket's client is pinged; it has as long to answer.",
    )
    read_timeout_sec: float = Field(
        default=30.0,
        gt=0,
        description="Time a client may leave an answer unread before its connection is cut.",
    )
    keep_alive_sec: int = Field(
        default=65, ge=1, description="Time an idle connection is kept for the next request."
    )
    max_connections: int = Field(
        default=4096,
        ge=1,
        description="Open HTTP connections of each server process, fewer where it may not open as "
        "many files; beyond it the oldest idle one is closed, or a new one gets 503.",
    )
    call_timeout_sec: float = Field(
        default=30.0,
        gt=0,
        description="Longest that a call of a quick tool may take; beyond it the call gets 504. "
        "A client may ask for less (`X-Request-Timeout`, in seconds).",
    )
    max_concurrent_calls: int = Field(
        default=256,
        ge=1,
        description="Calls of quick tools that wait for something at once, in each server process; "
        "fewer are let in where they slow each other.",
    )
    max_queued_calls: int = Field(
        default=256,
        ge=0,
        description="Calls of quick tools that may wait to be let in, for a second at most; beyond "
        "it a call gets 503.",
    )
    max_concurrent_per_client: int = Field(
        default=20,
        ge=1,
        description="Calls that one caller may have under way, quick and costly ones apart, in "
        "each server process; beyond it a call gets 429.",
    )
    shed_lag_sec: float = Field(
        default=0.25,
        gt=0,
        description="How long a call may wait for the event loop while that stays late (four times "
        "as long in a burst); beyond it the call gets 503.",
    )
    shutdown_grace_sec: float = Field(
        default=10.0, ge=0, description="Time in-flight calls have to finish at shutdown."
    )
    access_log: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="Share of requests that are logged one by one: 0 none, 1 all, 0.01 one in a "
        "hundred. Above 0, every answer with status 500 or more is logged.",
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="URL of an OpenTelemetry collector (OTLP over HTTP) that traces are sent to; "
        "default: `OTEL_EXPORTER_OTLP_ENDPOINT`, and no traces without that. Needs the extra "
        "`otel`.",
    )
    audit_file: Path | None = Field(
        default=None,
        description="File that tells who had what executed; default: `audit.jsonl` in the data "
        "directory.",
    )
    rate_limit: str = Field(
        default="100/second;3000/minute",
        description="How often one caller may call quick tools (`COUNT/UNIT`, separated by `;`); "
        "`off` switches off every limit of what one caller, or all, may do.",
    )
    rate_limit_costly: str = Field(
        default="10/second;300/minute",
        description="How often one caller may call tools that run programs; `off` for no limit.",
    )
    rate_limit_overall: str = Field(
        default="1000/second",
        description="How often all callers together may call quick tools; `off` for no limit.",
    )
    rate_limit_costly_overall: str = Field(
        default="100/second",
        description="How often all callers together may call tools that run programs; `off` for "
        "no limit.",
    )
    rate_limit_storage: str = Field(
        default="memory",
        description="Where calls are counted: `memory` (of this machine, for all its workers), or "
        "the URL of a Redis that several machines share (`redis://...`).",
    )
    rate_limit_when_down: Literal["open", "closed"] = Field(
        default="open",
        description="While that Redis is out of reach: `open` counts in this machine's memory, "
        "`closed` refuses calls.",
    )
    rate_limit_timeout_sec: float = Field(
        default=0.1, gt=0, le=10, description="Longest that a call waits for that Redis."
    )
    rate_limit_failures: int = Field(
        default=1,
        ge=1,
        description="Calls in a row that Redis does not answer before it is left alone.",
    )
    rate_limit_recovery_sec: float = Field(
        default=1.0, gt=0, description="For how long it is left alone before one call asks again."
    )
    upstream_timeout_sec: float = Field(
        default=10.0,
        gt=0,
        le=3600,
        description="Longest that a tool waits for another server, retries included.",
    )
    upstream_retries: int = Field(
        default=2,
        ge=0,
        le=20,
        description="How often a tool asks again within that time, where that does no harm.",
    )
    upstream_failures: int = Field(
        default=5,
        ge=1,
        description="Requests of tools that fail in a row before such a server is left alone.",
    )
    upstream_recovery_sec: float = Field(
        default=30.0, gt=0, description="For how long it is left alone before it is asked again."
    )
    run_dir: Path | None = Field(
        default=None,
        description="Directory where server processes that share a port meet, for metrics and "
        "rate limits of all of them; `dynogate serve` makes one of its own, another process "
        "manager must name one.",
    )
    max_sessions: int = Field(
        default=10_000,
        ge=1,
        description="MCP sessions (of clients before 2026-07-28) in each server process.",
    )
    max_sessions_per_client: int = Field(
        default=2_000,
        ge=1,
        description="MCP sessions of one principal; beyond it, its oldest idle one ends.",
    )
    session_idle_sec: float = Field(
        default=1_800.0, gt=0, description="Time without use after which an MCP session ends."
    )
    resume_sec: float = Field(
        default=60.0,
        gt=0,
        description="Time an MCP client has to come back for the answer of a call in a session "
        "after its connection broke; then the call is cancelled.",
    )
    client_answer_timeout_sec: float = Field(
        default=300.0,
        gt=0,
        description="Time an MCP client has to answer what a tool asks it (elicitation, sampling, "
        "roots) in a session.",
    )
    toolsets: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Further toolsets to load (`package.module:attribute`, comma-separated), "
        "besides those of the entry-point group `dynogate.toolsets`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` is console on a terminal and JSON elsewhere."
    )

    @field_validator(*_LISTS, mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("rate_limit_storage")
    @classmethod
    def _check_storage(cls, value: str) -> str:
        if value != "memory" and not value.startswith(_REDIS):
            raise ValueError(f"must be 'memory' or begin with one of {', '.join(_REDIS)}")
        return value

    @field_validator("roots", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(Path(part) for part in value.split(os.pathsep) if part)
        return value

    @field_validator("roots")
    @classmethod
    def _resolve_roots(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        if not value:
            raise ValueError("at least one root is needed")
        for root in value:
            if not root.is_dir():
                raise ValueError(f"root {str(root)!r} is not a directory")
        return tuple(root.resolve() for root in value)

    @property
    def base_url(self) -> str:
        """The URL that clients reach the gateway by, without a path."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'dynogate.db'}"

    @property
    def audit_path(self) -> Path:
        """Where the audit is written."""
        return self.audit_file or self.data_dir / "audit.jsonl"

    def as_environment(self) -> dict[str, str]:
        """These settings as environment variables, for worker processes to read back."""
        joiner = {"roots": os.pathsep, **dict.fromkeys(_LISTS, ",")}
        env: dict[str, str] = {}
        for name, value in self:
            if value is None:
                continue
            text = joiner[name].join(map(str, value)) if name in joiner else str(value)
            env[ENV_PREFIX + name.upper()] = text
        return env


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; ``overrides`` that are not None win over the environment.

    Raises:
        ConfigurationError: a value is wrong; names the setting and its variable.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        where = ".".join(str(part) for part in problem["loc"][:1])
        lines.append(f"{ENV_PREFIX}{where.upper()}: {message}" if where else message)
    return "; ".join(lines)

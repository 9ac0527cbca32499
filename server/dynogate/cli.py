"""The ``dynogate`` command.

Exit codes: 0 done, 1 the call or the profile failed, 2 usage or a wrong setting, 3 no gateway.
"""

import contextlib
import importlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
import msgspec
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from dynogate import __version__
from dynogate.cli_keys import keys
from dynogate.client import DEFAULT_URL, CallResult, GatewayClient, ToolInfo, parse_arguments
from dynogate.errors import ChaosUnavailable, ConfigurationError, DynogateError, GatewayUnreachable

if TYPE_CHECKING:
    from dynogate.profiling.models import ProfileResult
    from dynogate.settings import Settings

# The server's and the profiler's modules are imported by the commands that need them: `call` and
# `tools` would otherwise wait for a database library and a web server they never use.

FAILED, USAGE, NO_GATEWAY = 1, 2, 3

_MAX_OPEN_FILES = 65_536

app = cyclopts.App(
    name="dynogate",
    help="Performance tools for AI agents and engineers, behind a gateway.",
    version=__version__,
)
app.command(keys)


@app.command
def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    root: list[Path] | None = None,
    data_dir: Path | None = None,
    sandbox: Literal["auto", "on", "off"] | None = None,
    allow_code: bool | None = None,
    json: bool = False,
) -> None:
    """Start the gateway. What is not given comes from DYNOGATE_* variables, then from defaults.

    Parameters
    ----------
    host
        Address to bind (127.0.0.1).
    port
        Port to bind (8000).
    workers
        Server processes (1).
    root
        Directory that scripts may be profiled from; may be given several times.
    data_dir
        Where the embedded store lives.
    sandbox
        Run profiled programs under bubblewrap.
    allow_code
        Allow profile_code without the sandbox, too.
    json
        Log in JSON.
    """
    from dynogate.app import check
    from dynogate.settings import load_settings

    settings = load_settings(
        host=host,
        port=port,
        workers=workers,
        roots=tuple(root) if root else None,
        data_dir=data_dir,
        sandbox=sandbox,
        allow_code=allow_code,
        log_format="json" if json else None,
    )
    check(settings)
    # uvicorn finishes what is in flight and then raises the signal again: that is a clean end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.ExitStack() as until_the_end:
        if settings.workers > 1 and settings.run_dir is None:
            made = until_the_end.enter_context(tempfile.TemporaryDirectory(prefix="dynogate-run-"))
            settings = settings.model_copy(update={"run_dir": Path(made)})
        os.environ.update(settings.as_environment())
        _run_server(settings)


def _run_server(settings: "Settings") -> None:
    import resource

    import uvicorn

    from dynogate.supervisor import supervise

    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # a connection is an open file
    if 0 <= now < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, _MAX_OPEN_FILES)), most))
    config = uvicorn.Config(
        "dynogate.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http="dynogate.transports.protocol:HttpProtocol",
        ws="dynogate.transports.websocket_protocol:WebSocketProtocol",
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=settings.keep_alive_sec,
        timeout_worker_healthcheck=60,  # a worker that still imports on a busy machine is not dead
        timeout_graceful_shutdown=int(settings.shutdown_grace_sec) + 1,
    )
    if settings.workers > 1:
        if not supervise(config):
            sys.exit(FAILED)
        return
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(FAILED)


@app.command
def tools(*, url: str = DEFAULT_URL, json: bool = False) -> None:
    """List the tools of a running gateway.

    Parameters
    ----------
    url
        Where the gateway is.
    json
        Print names, descriptions and schemas as JSON.
    """
    with GatewayClient(url) as client:
        listed = client.tools()
    if json:
        _print_json(msgspec.json.encode(listed))
        return
    table = Table("tool", "what it does", box=None)
    for tool in listed:
        table.add_row(tool.name, tool.description.partition("\n")[0])
    Console().print(table)


@app.command
def call(
    tool: str,
    *tokens: Annotated[str, Parameter(allow_leading_hyphen=True)],
    url: str = DEFAULT_URL,
) -> None:
    """Call a tool of a running gateway.

    Arguments are given as --key value (or --flag), or all at once as --json '{"key": ...}'.
    A bare --json prints the result as JSON instead of text.

    Parameters
    ----------
    tool
        Name of the tool.
    tokens
        The tool's arguments.
    url
        Where the gateway is.
    """
    given, as_json, words = _split_json(tokens)
    with GatewayClient(url) as client:
        arguments = parse_arguments(words, _schema_of(tool, client.tools())) if words else {}
        result = client.call(tool, {**given, **arguments})
    _print_result(result, as_json)


@app.command
def profile(
    script: str,
    *args: str,
    module: bool = False,
    cpu_only: bool = False,
    gpu: bool = False,
    timeout: float = 600.0,
    repeat: int | None = None,
    python: str | None = None,
    top: int = 10,
    html: Path | None = None,
    save: bool = False,
    data_dir: Path | None = None,
    json: bool = False,
) -> None:
    """Profile a script without a server, and say where its time and memory went.

    The script's own arguments follow `--`: dynogate profile work.py -- --size 3

    Parameters
    ----------
    script
        Path of the script (or a module's name, with --module).
    args
        The script's arguments.
    module
        Run SCRIPT as a module, like python -m.
    cpu_only
        Leave memory out; faster.
    gpu
        Profile an NVIDIA GPU, too.
    timeout
        Seconds the script may run; what was seen until then is shown.
    repeat
        Run it this often, for scripts too short to sample.
    python
        Interpreter or virtual environment to run it with; Scalene must be installed there.
    top
        How many hot lines to show.
    html
        Write a flame graph to this file.
    save
        Keep the profile in the gateway's store, and print its id.
    data_dir
        Where that store lives.
    json
        Print the whole profile as JSON.
    """
    from dynogate.profiling.capture.profiler import ScaleneProfiler
    from dynogate.profiling.models import Outcome, RunOptions

    options = RunOptions(
        cpu_only=cpu_only,
        include_gpu=gpu,
        timeout_seconds=timeout,
        repeat=repeat,
        python=python,
        args=args,
    )
    profiler = ScaleneProfiler()
    run = profiler.profile_module if module else profiler.profile_script
    with Console(stderr=True).status(f"profiling {script}"):
        result = run(script, options)
    if save:
        result = _saved(result, data_dir)
    if html is not None:
        from dynogate.profiling.export import export_profile

        html.write_bytes(export_profile(result, "html").content)
    _print_profile(result, top, as_json=json)
    if result.summary.outcome is Outcome.TOO_SHORT:
        raise SystemExit(FAILED)


@app.command(help_flags=[], version_flags=[])
def chaos(*tokens: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> None:
    """Run chaos experiments against a gateway of their own, from a checkout of Dynogate.

    `dynogate chaos list` says which there are, `dynogate chaos run --help` how to run them.

    Parameters
    ----------
    tokens
        What `python -m chaos` takes.
    """
    from dynogate.tools.chaos.checkout import checkout

    try:
        root = str(checkout())
    except ChaosUnavailable as error:
        raise ConfigurationError(error.message) from None
    if root not in sys.path:
        sys.path.insert(0, root)
    try:
        main = importlib.import_module("chaos.command").main
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the chaos experiments need the extra `chaos` ({error}); scripts/install installs it"
        ) from error
    raise SystemExit(main(tokens))


def _saved(result: "ProfileResult", data_dir: Path | None) -> "ProfileResult":
    from dynogate.app import open_database
    from dynogate.profiling.storage import ProfileStorage
    from dynogate.settings import load_settings

    with contextlib.closing(open_database(load_settings(data_dir=data_dir))) as database:
        profile_id = ProfileStorage(database=database).store(result)
    return result.model_copy(update={"profile_id": profile_id})


def _print_profile(result: "ProfileResult", top: int, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=2) + "\n")
        return
    from dynogate.profiling.analysis.analyzer import ProfileAnalyzer

    sys.stdout.write(ProfileAnalyzer(result).analyze(top_n=top).text() + "\n")
    if result.profile_id is not None:
        sys.stdout.write(f"\nkept as {result.profile_id}\n")


def _split_json(tokens: tuple[str, ...]) -> tuple[dict[str, object], bool, list[str]]:
    """Take ``--json [ARGS]`` out of the tool's arguments."""
    words = list(tokens)
    given: dict[str, object] = {}
    as_json = False
    while "--json" in words:
        at = words.index("--json")
        if words[at + 1 : at + 2] and words[at + 1].lstrip().startswith("{"):
            try:
                given = msgspec.json.decode(words[at + 1], type=dict[str, object])
            except msgspec.DecodeError as error:
                raise ValueError(f"--json: {error}") from None
            del words[at : at + 2]
        else:
            as_json = True
            del words[at]
    return given, as_json, words


def _schema_of(name: str, listed: list[ToolInfo]) -> dict[str, object]:
    for tool in listed:
        if tool.name == name:
            return tool.input_schema
    return {}  # the gateway itself says what is wrong with the name


def _print_result(result: CallResult, as_json: bool) -> None:
    if as_json:
        _print_json(msgspec.json.encode(result.structured_content))
    else:
        sys.stdout.write(result.text + "\n")


def _print_json(data: bytes) -> None:
    sys.stdout.write(msgspec.json.format(data, indent=2).decode() + "\n")


def main() -> None:
    """Run the command line."""
    try:
        app(sys.argv[1:])
    except GatewayUnreachable as error:
        _die(error.message, NO_GATEWAY)
    except ConfigurationError as error:
        _die(error.message, USAGE)
    except DynogateError as error:
        _die(error.message, FAILED)
    except ValueError as error:
        _die(str(error), USAGE)


def _die(message: str, code: int) -> None:
    sys.stderr.write(f"dynogate: {message}\n")
    raise SystemExit(code)

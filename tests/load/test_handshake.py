"""Meeting a server: what it speaks, what it offers, whether it is there."""

import json
import ssl
import subprocess
from pathlib import Path

import msgspec
import pytest

from dynogate.errors import GatewayUnreachable
from dynogate.load import schedules
from dynogate.load.calls import LEGACY, MODERN, Call, Transport
from dynogate.load.generator import Generator, Order
from dynogate.load.handshake import meet, prepare_calls
from dynogate.load.samples import Outcome
from dynogate.load.targets import Target, target
from tests.load import servers
from tests.load.servers import Reader, Served, Writer

TOOLS = {"tools": [{"name": "census", "annotations": {"readOnlyHint": True}}, "odd"]}


@pytest.mark.parametrize("transport", ["rpc", "mcp", "ws"])
async def test_tools_are_listed_over_every_transport(server: Served, transport: str) -> None:
    """And the cheapest that only reads is what is called by default."""
    meeting = await meet(target(server.url, transport))  # type: ignore[arg-type]
    assert meeting.default_call() == Call("list_databases")
    assert meeting.target.era == MODERN
    assert 0 < meeting.round_trip < 10


def of_2025(session: str | None) -> servers.Behaviour:
    """A server of MCP's 2025 eras, which wants to be initialized, over server-sent events."""

    async def behaviour(body: bytes, _: Reader, writer: Writer) -> None:
        request = json.loads(body)
        modern = "_meta" in request.get("params", {})
        if modern or "id" not in request:
            status = "400 Bad Request" if modern else "202 Accepted"
            servers.respond(writer, b"", status)
            return
        result: object = TOOLS
        if request["method"] == "initialize":
            result = {"protocolVersion": LEGACY, "capabilities": {}}
        answer = servers.result(body, result=result)
        headers = {"mcp_session_id": session} if session else {}
        servers.respond(writer, b"data: %b\n\n" % answer, kind="text/event-stream", **headers)

    return behaviour


@pytest.mark.parametrize("session", ["s-1", None])
async def test_a_server_of_the_2025_eras(session: str | None) -> None:
    """Initialized, with a session where the server keeps them."""
    with servers.raw(of_2025(session)) as url:
        meeting = await meet(target(url, "mcp"))
        calls = await prepare_calls(meeting.target, [meeting.default_call()])
    assert meeting.target.era == LEGACY
    assert calls[0].name == "census"
    assert calls[0].headers.get("Mcp-Session-Id") == session
    assert calls[0].headers["MCP-Protocol-Version"] == LEGACY


async def test_a_version_that_is_none_is_not_sent_back() -> None:
    """It would go into a header."""

    async def hostile(body: bytes, _: Reader, writer: Writer) -> None:
        version = {"protocolVersion": "2025\r\nX-Injected: 1", "capabilities": {}}
        legacy = json.loads(body or b"{}").get("method") == "initialize"
        servers.respond(writer, servers.result(body, result=version) if legacy else b"{}")

    with servers.raw(hostile) as url:
        assert (await meet(target(url, "mcp"))).target.era == LEGACY


async def test_tools_beside_the_endpoint() -> None:
    """A gateway that lists its tools at GET /mcp/tools only."""

    async def rest(body: bytes, _: Reader, writer: Writer) -> None:
        if body:
            await servers.error_with_200(body, _, writer)
        else:
            servers.respond(writer, json.dumps(TOOLS).encode())

    with servers.raw(rest) as url:
        assert (await meet(target(url))).default_call() == Call("census")


@pytest.mark.parametrize(
    "behaviour", [servers.html, servers.no_http, servers.hangs_up, servers.cut_off, servers.hangs]
)
async def test_a_server_that_answers_badly_has_been_met(behaviour: servers.Behaviour) -> None:
    """What is wrong with it is for the run to tell."""
    with servers.raw(behaviour) as url:
        meeting = await meet(target(url, timeout=0.5))
    assert meeting.tools == ()
    assert meeting.default_call() == Call("list_databases")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:9", "no connection"),
        ("http://no-such-host.invalid", "host name is not known"),
    ],
)
async def test_a_server_that_is_not_there(url: str, why: str) -> None:
    """In a line that names it."""
    with pytest.raises(GatewayUnreachable, match=why) as caught:
        await meet(target(url))
    assert url in caught.value.message


async def test_no_websocket_there() -> None:
    """An HTTP server that does not upgrade."""
    with (
        servers.raw(servers.not_found) as url,
        pytest.raises(GatewayUnreachable, match="no WebSocket there"),
    ):
        await meet(target(url, "ws"))


@pytest.mark.parametrize("transport", ["rpc", "mcp", "ws"])
async def test_a_redirect_is_not_followed(transport: Transport) -> None:
    """Over no transport: it could lead to a server that may not be loaded."""
    asked: list[bytes] = []

    async def listening(body: bytes, _: Reader, writer: Writer) -> None:
        asked.append(body)
        servers.respond(writer, servers.result(body, result=TOOLS))

    with servers.raw(listening) as other:

        async def leading_on(body: bytes, _: Reader, writer: Writer) -> None:
            servers.respond(writer, b"", "307 Temporary Redirect", location=other)

        with servers.raw(leading_on) as url:
            to = target(url, transport, headers={"Authorization": "Bearer x"}, timeout=2.0)
            if transport == "ws":
                with pytest.raises(GatewayUnreachable, match=r"no WebSocket there \(HTTP 307\)"):
                    await meet(to)
            else:
                assert (await meet(to)).tools == ()
            order = Order(to, (Call("x"),), "ws" if transport == "ws" else "aiohttp", 0.2)
            generator = Generator(order, schedules.constant(20, 0.2))
            await generator.open()
            take = await generator.run()
    assert asked == []
    assert take.samples.count(Outcome.OK) == 0


@pytest.mark.parametrize("transport", ["rpc", "mcp", "ws"])
async def test_connections_go_where_the_target_says(server: Served, transport: Transport) -> None:
    """A name is not looked up where addresses are given: the first that answers serves."""
    named = server.url.replace("127.0.0.1", "no-such-host.invalid")
    to = target(named, transport, timeout=5.0)
    pinned = msgspec.structs.replace(to, addresses=("::1", "127.0.0.1"))
    assert (await meet(pinned)).default_call() == Call("list_databases")


async def test_a_session_that_cannot_be_started() -> None:
    """The server went away after it was met."""
    legacy = Target("http://127.0.0.1:9/mcp", "mcp", era=LEGACY)
    with pytest.raises(GatewayUnreachable, match="no MCP session"):
        await prepare_calls(legacy, [Call("x")])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody has signed, with its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", str(path), "-out", str(path) + ".crt"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(str(path) + ".crt").read_text())
    return path


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_tls_is_checked_unless_told_not_to(server: Served, certificate: Path) -> None:
    """An unknown certificate, a server without TLS, and the way around the first."""

    async def ok(body: bytes, _: Reader, writer: Writer) -> None:
        servers.respond(writer, servers.result(body) if body else b"{}")

    with servers.raw(ok, tls(certificate)) as url:
        secure = url.replace("http:", "https:")
        with pytest.raises(GatewayUnreachable, match="certificate is not trusted"):
            await meet(target(secure))
        assert (await meet(target(secure, verify=False))).round_trip > 0
    with pytest.raises(GatewayUnreachable, match=r"TLS|SSL"):
        await meet(target(server.url.replace("http:", "https:")))

"""Spans as a collector receives them over OTLP."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from dynogate.app import build_app
from dynogate.errors import ConfigurationError
from dynogate.settings import load_settings
from dynogate.telemetry.tracing import build_traces
from tests.live import in_process

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{PARENT}-01"
OTHER = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"


class Collector:
    """An OTLP/HTTP receiver that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resource: dict[str, str] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(self.path, ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, path: str, request: ExportTraceServiceRequest) -> None:
        assert path == "/v1/traces"
        for resource in request.resource_spans:
            self.resource.update(attributes(resource.resource))
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def span(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


def attributes(of: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in of.attributes
    }


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


@pytest.fixture
def gateway(collector: Collector, tmp_path: Path) -> Any:
    settings = load_settings(
        data_dir=tmp_path, otlp_endpoint=collector.url, toolsets="tests.toolset:toolset"
    )
    return lambda: in_process(build_app(settings))


def test_a_request_goes_on_with_its_clients_trace(gateway: Any, collector: Collector) -> None:
    """A span for the request, and in it one for the call, by the semantic conventions."""
    with gateway() as live:
        live.call("echo", say="x")
        body = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"say": "x"}}
        live.post(body, traceparent=HEADER, user_agent="tests/1")
    requests = [span for span in collector.spans if span.name == "POST /mcp/tools/call"]
    (request,) = [span for span in requests if span.trace_id.hex() == TRACE]
    assert request.parent_span_id.hex() == PARENT
    assert request.kind == Span.SPAN_KIND_SERVER
    told = attributes(request)
    assert told["http.request.method"] == "POST"
    assert told["http.response.status_code"] == 200
    assert told["http.route"] == told["url.path"] == "/mcp/tools/call"
    assert told["user_agent.original"] == "tests/1"
    calls = [span for span in collector.spans if span.name == "tools/call echo"]
    (call,) = [span for span in calls if span.trace_id.hex() == TRACE]
    assert call.parent_span_id == request.span_id
    assert attributes(call)["gen_ai.tool.name"] == "echo"
    assert attributes(call)["mcp.method.name"] == "tools/call"
    assert collector.resource["service.name"] == "dynogate"
    assert len({span.trace_id for span in requests}) == 2


def test_a_call_goes_on_with_the_trace_of_its_message(gateway: Any, collector: Collector) -> None:
    """What ``_meta`` says decides; the HTTP request around it is linked."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "traceparent": HEADER,
        "tracestate": 7,
    }
    params = {"name": "echo", "arguments": {"say": "x"}, "_meta": meta}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "echo",
        "traceparent": OTHER,
    }
    with gateway() as live:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        assert httpx2.post(live.url + "/mcp", json=body, headers=headers).status_code == 200
    call, request = collector.span("tools/call echo"), collector.span("POST /mcp")
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, PARENT)
    assert [link.span_id for link in call.links] == [request.span_id]
    assert attributes(call)["mcp.protocol.version"] == "2026-07-28"


@pytest.mark.parametrize(("tool", "code"), [("refuse", "1504"), ("crash", "-32603")])
def test_a_call_that_failed_says_so(
    gateway: Any, collector: Collector, tool: str, code: str
) -> None:
    """With the error's code as its type; the request failed where the gateway is at fault."""
    with gateway() as live:
        live.call(tool)
    call, request = collector.span(f"tools/call {tool}"), collector.span("POST /mcp/tools/call")
    assert attributes(call)["error.type"] == code
    assert attributes(call)["rpc.response.status_code"] == code
    assert call.status.code == request.status.code == 2
    assert "secret" not in call.status.message


def test_what_goes_nowhere_has_no_route(gateway: Any, collector: Collector) -> None:
    """Names stay few, whatever strangers ask for."""
    with gateway() as live:
        live.get("/etc/passwd")
    assert "http.route" not in attributes(collector.span("GET"))


def test_without_a_collector_nothing_of_it_is_loaded() -> None:
    """Whoever wants no traces does not pay for them."""
    program = "import dynogate.app, sys; print([m for m in sys.modules if 'opentelemetry' in m])"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True).stdout.strip() == "[]"


def test_a_missing_library_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces that were asked for do not silently stay away."""
    monkeypatch.setitem(sys.modules, "dynogate.telemetry.traces", None)
    with pytest.raises(ConfigurationError, match=r"dynogate\[otel\]"):
        build_traces(load_settings(otlp_endpoint="http://127.0.0.1:4318"))


def test_the_sdks_own_variables_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint switches traces on, and the SDK's switch off decides over it."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    traces = build_traces(load_settings())
    assert traces is not None
    traces.close()
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert build_traces(load_settings()) is None

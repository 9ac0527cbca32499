"""OpenTelemetry traces: a span for each request, and one for each tool call in it.

Names and attributes are those of the semantic conventions for HTTP servers and for MCP
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and
https://github.com/open-telemetry/semantic-conventions-genai, ``docs/gen-ai/mcp.md``). The client's
trace goes on from the W3C headers of a request, and for a call from the ``_meta`` of its message;
the two are then linked.

Needs the extra ``otel``: imported by :mod:`dynogate.telemetry.tracing` only, and only where traces
are wanted.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dynogate.errors import DynogateError
from dynogate.telemetry.logs import trace_id

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
_EXPORT_TIMEOUT_SEC = 5
_FAULT = 500


class Traces:
    """Makes spans and sends them to a collector, in the background.

    Args:
        resource: what the service is called, and so on.
        endpoint: URL that takes spans; None for that of the SDK's own variables.
    """

    def __init__(self, resource: Mapping[str, str], endpoint: str | None) -> None:
        self._provider = TracerProvider(resource=Resource.create(dict(resource)))
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_TIMEOUT_SEC)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("dynogate")
        self._extract = TraceContextTextMapPropagator().extract

    @contextmanager
    def request(self, scope: Mapping[str, Any], route: str | None) -> "Iterator[RequestSpan]":
        """The span of one HTTP request or WebSocket; ``route`` is None where it went nowhere."""
        method = scope.get("method", "GET")
        known = method if method in _METHODS else "_OTHER"
        name = known if known != "_OTHER" else "HTTP"
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        with self._tracer.start_as_current_span(
            f"{name} {route}" if route else name,
            context=self._extract(headers),
            kind=SpanKind.SERVER,
            attributes=_request_attributes(scope, known, route, headers),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            trace_id.set(f"{span.get_span_context().trace_id:032x}")
            yield RequestSpan(span)

    @contextmanager
    def call(
        self, tool: str, transport: str, parent: Mapping[str, str], version: str | None
    ) -> Iterator[None]:
        """The span of one tool call.

        Args:
            parent: ``traceparent`` and ``tracestate`` of the message, where it has them.
            version: of MCP, where the call is one of MCP.
        """
        ambient = get_current_span().get_span_context()
        linked = [Link(ambient)] if parent and ambient.is_valid else []
        attributes = {
            "mcp.method.name": "tools/call",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "network.transport": "tcp",
            "network.protocol.name": "websocket" if transport == "ws" else "http",
        }
        if version is not None:
            attributes["mcp.protocol.version"] = version
        with self._tracer.start_as_current_span(
            f"tools/call {tool}",
            context=self._extract(parent) if parent else None,
            kind=SpanKind.SERVER,
            attributes=attributes,
            links=linked,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                kind = str(error.code) if isinstance(error, DynogateError) else "cancelled"
                span.set_attribute("error.type", kind)
                if isinstance(error, DynogateError):
                    span.set_attribute("rpc.response.status_code", kind)
                span.set_status(Status(StatusCode.ERROR, str(error) or None))
                raise

    def close(self) -> None:
        """Send what is left; takes some seconds where nobody receives it."""
        self._provider.shutdown()


class RequestSpan:
    """The span of a request that is being served."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def answered(self, status: int) -> None:
        """How it was answered."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= _FAULT:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)


def _request_attributes(
    scope: Mapping[str, Any], method: str, route: str | None, headers: Mapping[str, str]
) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.path": scope["path"][:200],
        "url.scheme": scope["scheme"],
        "network.protocol.version": scope["http_version"],
    }
    if route is not None:
        attributes["http.route"] = route
    if scope.get("server"):
        attributes["server.address"], attributes["server.port"] = scope["server"]
    if scope.get("client"):
        attributes["client.address"] = scope["client"][0]
    if "user-agent" in headers:
        attributes["user_agent.original"] = headers["user-agent"][:200]
    return attributes

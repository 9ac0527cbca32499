"""One tool call from arguments to an encoded result, the same for every transport."""

import time

from dynogate.errors import (
    Busy,
    DynogateError,
    InsufficientScope,
    InternalError,
    StoreUnavailable,
    UnknownTool,
    exhausted,
)
from dynogate.telemetry.audit import Audit, AuditedCall
from dynogate.telemetry.logs import get_logger
from dynogate.telemetry.metrics import Metrics
from dynogate.tools.context import ToolContext
from dynogate.tools.inputs import InputRequired
from dynogate.tools.registry import Tool

log = get_logger(__name__)

NOT_THE_TOOL = (Busy, StoreUnavailable, InternalError, UnknownTool, InsufficientScope)
"""Told as protocol errors even to ``tools/call``: the gateway could not serve, the tool did not
fail."""


async def call_tool(
    tool: Tool,
    arguments: bytes,
    context: ToolContext,
    metrics: Metrics,
    audit: Audit,
    transport: str,
) -> bytes:
    """Run ``tool`` and encode its CallToolResult; count, time and audit the call.

    Raises:
        DynogateError: what went wrong; a fault of ours is logged whole and told as InternalError.
        InputRequired: the client has to be asked something first.
    """
    executes = tool.scope == "tools:execute"
    audited = _begin(tool, arguments, context, audit, transport) if executes else None
    start = time.perf_counter()
    outcome = "cancelled"
    metrics.in_flight.inc()
    try:
        result = await tool.call(arguments, context)
        outcome = "ok"
        return result
    except InputRequired:
        outcome = "input_required"
        raise
    except DynogateError as error:
        outcome = str(error.code)
        raise
    except Exception as error:
        if isinstance(error, OSError) and (short := exhausted(error)):
            outcome = str(short.code)
            log.error("tool failed", tool=tool.name, problem=str(error))
            raise short from error
        outcome = str(InternalError.code)
        log.exception("tool failed", tool=tool.name, client_id=context.client_id)
        raise InternalError(
            f"{tool.name} failed because of a fault in the gateway; its log has the details"
        ) from error
    finally:
        elapsed = time.perf_counter() - start
        metrics.in_flight.dec()
        metrics.calls[tool.name, transport, outcome].inc()
        metrics.seconds[tool.name, transport].observe(elapsed)
        if audited is not None:
            audit.end(audited, outcome, elapsed)


def _begin(
    tool: Tool, arguments: bytes, context: ToolContext, audit: Audit, transport: str
) -> AuditedCall:
    """Write down that a call which executes begins."""
    return audit.begin(
        tool.name,
        transport,
        arguments,
        principal=context.principal,
        credential=context.credential,
        client_id=context.client_id,
    )

"""Every error Dynogate raises on purpose.

::

    DynogateError
    ├── RequestError              the JSON-RPC envelope or its parameters are at fault
    │   ├── ParseError            -32700, 400
    │   ├── InvalidRequest        -32600, 400
    │   ├── MethodNotFound        -32601, 404
    │   ├── InvalidParams         -32602, 400
    │   ├── UnknownTool           -32602, 404
    │   ├── InternalError         -32603, 500
    │   ├── UnknownResource       -32602, 400
    │   │   └── UnknownResourceBefore2026  -32002, 400
    │   ├── HeaderMismatch        -32020, 400
    │   ├── MissingCapability     -32021, 400
    │   ├── UnsupportedVersion    -32022, 400
    │   ├── UnknownSession         1440, 404
    │   ├── MethodNotAllowed       1405, 405 (knows the methods)
    │   ├── NotAcceptable          1406, 406
    │   ├── BodyTimeout            1408, 408
    │   ├── BodyTooLarge           1413, 413
    │   ├── UnsupportedMediaType   1415, 415
    │   ├── ForbiddenOrigin        1403, 403
    │   ├── Unauthenticated        1401, 401 (knows the challenge)
    │   ├── InsufficientScope      1407, 403 (knows the scope)
    │   └── ClientGone             1498, 499
    ├── ToolError                 a tool could not do what it was asked
    │   ├── ProfileNotFound        1404, 404
    │   ├── OutsideRoots           1403, 403
    │   ├── CodeExecutionDisabled  1405, 403
    │   ├── ScriptNotFound         1406, 404
    │   ├── BadScript              1422, 422
    │   ├── BadInterpreter         1423, 422
    │   ├── NotComparable          1424, 422
    │   ├── TooShortToProfile      1425, 422
    │   ├── NoProfileWritten       1426, 422
    │   ├── UnreadableProfile      1500, 500
    │   ├── ReportNotFound         1404, 404
    │   ├── UnreadableReport       1500, 500
    │   ├── TargetNotAllowed       1430, 403
    │   ├── TargetUnreachable      1502, 502
    │   ├── NothingMeasured        1427, 422
    │   ├── ExtraMissing           1501, 501
    │   ├── ChaosDisabled          1405, 403
    │   ├── ChaosUnavailable       1501, 501
    │   ├── ToolCancelled          1499, 499
    │   └── ToolTimedOut           1504, 504
    ├── Busy                       1503, 503 (knows when to come back)
    │   └── RateLimited            1429, 429 (knows the limits)
    ├── Unavailable               what the gateway depends on cannot be used now
    │   ├── StoreUnavailable       1507, 503
    │   ├── IssuerUnavailable      1508, 503
    │   ├── CircuitOpen            1509, 503 (knows what is not asked, and until when)
    │   └── UpstreamFailed         1510, 502
    ├── RigFailed                 what a chaos experiment needs could not be had
    ├── ConfigurationError        refuses to start, or a setting cannot be honoured
    └── ClientError               seen from the client's side
        ├── GatewayUnreachable     nothing answers at the URL, or it is no gateway
        └── CallFailed             the gateway answered with a JSON-RPC error

Codes of the JSON-RPC specification lie in -32768..-32000, and those of MCP among them in
-32020..-32099; Dynogate's own are ``1000 + HTTP status`` or near it, so that no client can mistake
one for the other.
"""

import errno
from typing import ClassVar


class DynogateError(Exception):
    """The root of the tree.

    Attributes:
        code: the JSON-RPC error code.
        status: the HTTP status that carries it.
        message: what was wrong, where, and what would be right; safe to show to a client.
        data: machine-readable details for the JSON-RPC ``error.data``, or None.
    """

    code: ClassVar[int] = -32603
    status: ClassVar[int] = 500

    def __init__(self, message: str, *, data: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class RequestError(DynogateError):
    """The request itself is at fault; no tool was run."""

    code, status = -32600, 400


class ParseError(RequestError):
    """The body is not JSON."""

    code, status = -32700, 400


class InvalidRequest(RequestError):
    """The body is JSON, but not a JSON-RPC 2.0 request."""

    code, status = -32600, 400


class MethodNotFound(RequestError):
    """No method, and no tool, has this name."""

    code, status = -32601, 404


class InvalidParams(RequestError):
    """An argument is missing, unknown or of the wrong type."""

    code, status = -32602, 400

    @classmethod
    def of(cls, argument: str, expected: str) -> "InvalidParams":
        """That of one argument, in the shape of those that a schema finds."""
        problem = f"argument {argument!r}: {expected}"
        return cls(problem, data={"problems": [{"argument": argument, "problem": problem}]})


class UnknownTool(RequestError):
    """``tools/call`` named a tool that is not in the catalogue."""

    code, status = -32602, 404


class InternalError(RequestError):
    """A fault of ours; the details are in the log, never on the wire."""

    code, status = -32603, 500


class UnknownResource(RequestError):
    """MCP asked for a resource, a prompt or a task that is not there."""

    code, status = -32602, 400


class UnknownResourceBefore2026(UnknownResource):
    """The same, in the words of MCP's versions before 2026-07-28 (``server/resources``)."""

    code = -32002


class HeaderMismatch(RequestError):
    """An MCP header is missing, repeated, malformed, or says something else than the body."""

    code, status = -32020, 400


class MissingCapability(RequestError):
    """The call needs something of the client that the client did not say it can do."""

    code, status = -32021, 400


class UnsupportedVersion(RequestError):
    """The MCP protocol version is not one that is spoken here; the data say which are."""

    code, status = -32022, 400


class UnknownSession(RequestError):
    """No MCP session of this caller has this id: it ended, expired, or never was."""

    code, status = 1440, 404


class MethodNotAllowed(RequestError):
    """The HTTP method is not one that this way in takes.

    Attributes:
        allowed: those that it takes.
    """

    code, status = 1405, 405

    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class NotAcceptable(RequestError):
    """The Accept header allows nothing that could be answered here."""

    code, status = 1406, 406


class BodyTimeout(RequestError):
    """The request body took too long to arrive."""

    code, status = 1408, 408


class ClientGone(RequestError):
    """The client closed the connection; nobody reads the answer."""

    code, status = 1498, 499


class BodyTooLarge(RequestError):
    """The request body is over the limit."""

    code, status = 1413, 413


class UnsupportedMediaType(RequestError):
    """The body is not declared as JSON."""

    code, status = 1415, 415


class ForbiddenOrigin(RequestError):
    """The Host or Origin header is not one that this gateway serves."""

    code, status = 1403, 403


class Unauthenticated(RequestError):
    """There is no credential, or it is not good (unknown, expired, revoked, forged).

    Attributes:
        reason: ``invalid_token`` where a credential was shown (RFC 6750, section 3.1), or None.
        resource_metadata: URL of the OAuth metadata that says where tokens come from, or None.
    """

    code, status = 1401, 401

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.resource_metadata: str | None = None


class InsufficientScope(RequestError):
    """The credential is good, but does not allow this tool.

    Attributes:
        scope: what it would need.
        resource_metadata: URL of the OAuth metadata that says where tokens come from, or None.
    """

    code, status = 1407, 403

    def __init__(self, message: str, *, scope: str) -> None:
        super().__init__(message, data={"scope": scope})
        self.scope = scope
        self.resource_metadata: str | None = None


class ToolError(DynogateError):
    """A tool could not do what it was asked, and says why."""

    code, status = 1422, 422


class ProfileNotFound(ToolError):
    """No stored profile has this id."""

    code, status = 1404, 404


class OutsideRoots(ToolError):
    """A path was asked for that lies outside every allowed root."""

    code, status = 1403, 403


class CodeExecutionDisabled(ToolError):
    """``profile_code`` is neither enabled nor sandboxed here."""

    code, status = 1405, 403


class ScriptNotFound(ToolError):
    """The script, module or interpreter path does not exist."""

    code, status = 1406, 404


class BadScript(ToolError):
    """The script cannot be run as Python: a directory, binary, or with a syntax error."""

    code, status = 1422, 422


class BadInterpreter(ToolError):
    """The chosen interpreter cannot run Scalene."""

    code, status = 1423, 422


class NotComparable(ToolError):
    """Two profiles (or their scripts) cannot be compared the way that was asked."""

    code, status = 1424, 422


class TooShortToProfile(ToolError):
    """The program ended before the sampler could see it, repetition included."""

    code, status = 1425, 422


class NoProfileWritten(ToolError):
    """The program ended in a way that left no profile (a crash, ``SIGKILL``, a broken stdlib)."""

    code, status = 1426, 422


class UnreadableProfile(ToolError):
    """A stored profile is damaged, or was written by another version; others are not affected."""

    code, status = 1500, 500


class ReportNotFound(ToolError):
    """No stored report, of a load test or of a chaos experiment, has this id."""

    code, status = 1404, 404


class UnreadableReport(ToolError):
    """A stored report is damaged, or of another version; others are not affected."""

    code, status = 1500, 500


class TargetNotAllowed(ToolError):
    """A load test was asked for of a server that ``DYNOGATE_LOAD_TARGETS`` does not name."""

    code, status = 1430, 403


class TargetUnreachable(ToolError):
    """The server to be loaded cannot be connected to."""

    code, status = 1502, 502


class NothingMeasured(ToolError):
    """A load test was stopped, by its limits or by its process dying, before it had a result."""

    code, status = 1427, 422


class ExtraMissing(ToolError):
    """A tool needs packages of an extra that is not installed here; says which."""

    code, status = 1501, 501


class ChaosDisabled(ToolError):
    """``run_chaos_experiment`` is not enabled here."""

    code, status = 1405, 403


class ChaosUnavailable(ToolError):
    """The chaos experiments are not there: this gateway does not run from a checkout."""

    code, status = 1501, 501


class ToolCancelled(ToolError):
    """The call was cancelled, or its client went away."""

    code, status = 1499, 499


class ToolTimedOut(ToolError):
    """The call ran past its deadline and left nothing to return."""

    code, status = 1504, 504


class Busy(DynogateError):
    """There is more to do than can be done in time: a queue is full, or calls are being shed.

    Attributes:
        retry_after: seconds until a place is likely, for the Retry-After header.
    """

    code, status = 1503, 503

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, data={"retry_after": retry_after})
        self.retry_after = retry_after


_SHORT_OF = {
    errno.EMFILE: "too many files and connections are open in this process (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOSPC: "a disk is full",
    errno.EROFS: "a disk is read-only",
    errno.EDQUOT: "a quota of a disk is used up",
    errno.ENOMEM: "there is no memory left",
    errno.EAGAIN: "no more processes or threads can be started (ulimit -u)",
}
_SHORT_RETRY_SEC = 5.0


def exhausted(error: OSError) -> Busy | None:
    """What to tell a client where this machine has run out of something; None for other errors."""
    what = _SHORT_OF.get(error.errno or 0)
    return (
        Busy(f"this gateway is short of means: {what}", retry_after=_SHORT_RETRY_SEC)
        if what
        else None
    )


class RateLimited(Busy):
    """The caller, or all callers together, reached a limit of calls; nothing was run.

    Attributes:
        policy: the name of the limit.
        policies: every limit of such calls, as the RateLimit-Policy header has them.
    """

    code, status = 1429, 429

    def __init__(self, message: str, *, retry_after: float, policy: str, policies: str) -> None:
        super().__init__(message, retry_after=retry_after)
        self.data = {"retry_after": round(retry_after, 3), "policy": policy}
        self.policy = policy
        self.policies = policies


class Unavailable(DynogateError):
    """Something that the gateway depends on cannot be used now.

    Attributes:
        retry_after: seconds until it is worth asking again, for the Retry-After header; None where
            nothing is known.
    """

    status = 503

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        if retry_after is not None:
            self.data = {"retry_after": round(retry_after, 3)}
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    """The store cannot be read or written (disk full, locked, connection lost)."""

    code, status = 1507, 503


class IssuerUnavailable(Unavailable):
    """Whether an access token is good cannot be known: its issuer's keys are out of reach."""

    code, status = 1508, 503


class CircuitOpen(Unavailable):
    """What has kept failing is not asked for a while: its circuit breaker is open.

    Attributes:
        circuit: the name of the breaker, which is that of what it guards.
        retry_after: seconds until a call may probe whether it is back.
    """

    code, status = 1509, 503
    retry_after: float

    def __init__(self, circuit: str, *, retry_after: float) -> None:
        super().__init__(
            f"{circuit} has kept failing and is not asked now; try again in {retry_after:.3f} s",
            retry_after=retry_after,
        )
        self.circuit = circuit


class UpstreamFailed(Unavailable):
    """Another server was asked, and did not answer in time, or not with what was asked for.

    Attributes:
        answered: the HTTP status it answered with; None where it did not answer.
    """

    code, status = 1510, 502

    def __init__(
        self, message: str, *, answered: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.answered = answered


class RigFailed(DynogateError):
    """A server that a chaos experiment needs could not be started, or did not do what it had to."""


class ConfigurationError(DynogateError):
    """A setting is wrong or cannot be honoured on this machine; says how to fix it."""


class ClientError(DynogateError):
    """Seen from the client's side; never sent."""


class GatewayUnreachable(ClientError):
    """Nothing answers at the URL, or what answers is no gateway."""


class CallFailed(ClientError):
    """The gateway answered with a JSON-RPC error; its code is in ``data["code"]``."""

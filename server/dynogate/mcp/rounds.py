"""Requests that take more than one round: the client is asked something and sends them again.

Source: MCP 2026-07-28, ``basic/patterns/mrtr``. Nothing is kept here between two rounds. What the
client answered in earlier ones comes back in ``requestState``, which only a process with this
gateway's secret can have written: for this principal and this very request, and not long ago. The
state is no ticket for one use; a tool that must do something once asks before it does it.
"""

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from dynogate.errors import InvalidParams
from dynogate.mcp.exchange import Request
from dynogate.mcp.method import Whole
from dynogate.mcp.server import INFO
from dynogate.tools.inputs import Answer, InputRequired
from dynogate.wire.mcp import SERVER_INFO, encode

TTL_SEC = 900
"""How long a client may take to answer: somebody may have to be asked."""

MAX_STATE_BYTES = 256 * 1024
"""Of the answers that one request may collect."""

_answers = msgspec.json.Decoder(dict[str, Answer])


class _State(msgspec.Struct):
    until: int
    answers: dict[str, Answer]


class Rounds:
    """Asks clients, and believes what they bring back.

    Args:
        secret: what all processes that a client may come back to have in common.
    """

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"requestState", "sha256")

    def resume(self, request: Request) -> None:
        """Give ``request`` the answers that came with it.

        Raises:
            InvalidParams: they cannot be read, or the state is not one for this request.
        """
        head = request.message.head
        if head.request_state is not msgspec.UNSET:
            request.answers = self._read(request, head.request_state)
        if head.input_responses is not msgspec.UNSET:
            try:
                given = _answers.decode(head.input_responses)
            except (msgspec.DecodeError, RecursionError) as error:
                raise InvalidParams(f"'inputResponses': {error}") from None
            request.answers = {**request.answers, **given}

    def ask(self, request: Request, required: InputRequired) -> bytes:
        """The result that asks the client and lets it come back.

        Raises:
            InvalidParams: what it answered so far is too much to carry on.
        """
        state = _State(int(time.time()) + TTL_SEC, dict(request.answers))
        payload = urlsafe_b64encode(encode(state)).decode()
        if len(payload) > MAX_STATE_BYTES:
            raise InvalidParams("the answers to this request are too large to be kept")
        return Whole(
            encode(
                {
                    "resultType": "input_required",
                    "inputRequests": {
                        name: each.as_mcp() for name, each in required.requests.items()
                    },
                    "requestState": f"{payload}.{self._seal(request, payload)}",
                    "_meta": {SERVER_INFO: INFO},
                }
            )
        )

    def _read(self, request: Request, text: str) -> dict[str, Answer]:
        payload, _, seal = text.partition(".")
        expected = self._seal(request, payload)
        if not hmac.compare_digest(expected.encode(), seal.encode("utf-8", "replace")):
            raise InvalidParams(
                "'requestState' is not one that was given for this request to this caller; send "
                "the request without it to begin again"
            )
        state = msgspec.json.decode(urlsafe_b64decode(payload), type=_State)
        if state.until < time.time():
            raise InvalidParams(
                f"'requestState' is older than {TTL_SEC} s; send the request without it to begin "
                "again"
            )
        return state.answers

    def _seal(self, request: Request, payload: str) -> str:
        """What nobody without the key can make: for this payload, principal and request."""
        sealed = encode([request.caller.principal, _digest(request), payload])
        return hmac.new(self._key, sealed, hashlib.sha256).hexdigest()


def _digest(request: Request) -> str:
    """The same for two requests that ask for the same."""
    head = request.message.head
    arguments = None if head.arguments is msgspec.UNSET else msgspec.json.decode(head.arguments)
    name = [None if each is msgspec.UNSET else each for each in (head.name, head.uri)]
    asked = [request.message.method, *name, arguments]
    return hashlib.sha256(msgspec.json.encode(asked, order="sorted")).hexdigest()

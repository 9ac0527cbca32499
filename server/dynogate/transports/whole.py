"""Answers that leave whole: head and body as one piece of bytes."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_OUT_OF_THE_ORDINARY = frozenset({b"connection", b"content-length", b"transfer-encoding"})


class WholeAnswers(RequestResponseCycle):
    """One request and its answer, as uvicorn has it, but that a short answer is one write.

    uvicorn checks, formats and writes head and body apart, which takes longer than all our guards:
    the second system call alone is a fifth of what it does for a small answer.
    Where the head begins with the length of the body, the body follows at once; the head is held
    until then. Whatever is out of the ordinary goes uvicorn's way. uvicorn's access log does not
    tell of these answers; the gateway has its own.
    """

    _held: Any = None

    async def send(self, message: Any) -> None:
        """Send one ASGI message."""
        held, self._held = self._held, None
        if self._is_plain(message):
            self._held = message
            return
        if held is None or message["type"] == "http.response.start":  # that of a failure
            await super().send(message)
            return
        answer = self._whole(held, message)
        if answer is None:
            await super().send(held)
            await super().send(message)
        elif not self.disconnected:
            self.response_started = self.response_complete = True
            self.transport.write(answer)
            self.message_event.set()
            self.on_response()

    def _is_plain(self, message: Any) -> bool:
        headers = message.get("headers")
        return (
            bool(headers)
            and headers[0][0] == b"content-length"
            and self.keep_alive
            and not (self.response_started or self.flow.write_paused)
            and self.scope["method"] != "HEAD"
        )

    def _whole(self, start: Any, rest: Any) -> bytes | None:
        """The bytes of the answer; None where uvicorn has to look at it."""
        body: bytes = rest.get("body", b"")
        (_, length), *others = start["headers"]
        parts = [STATUS_LINE[start["status"]], b"content-length: ", length, b"\r\n"]
        for name, value in (*self.default_headers, *others):
            if name in _OUT_OF_THE_ORDINARY:
                return None
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        lines = len(self.default_headers) + len(others) + 3
        if head.count(b"\n") != lines or head.count(b"\r") != lines:  # one that a value brought
            return None
        if rest.get("more_body") or int(length) != len(body):
            return None
        return head + body

"""Server-sent events as bytes.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. JSON as we encode it has no
line breaks, so an event's data is one line.
"""

CONTENT_TYPE = b"text/event-stream"
KEEP_ALIVE = b":\n\n"
"""A comment: keeps what lies between from closing a quiet connection."""


def event(data: bytes, event_id: str | None = None) -> bytes:
    """One message, with an id where the stream can be resumed."""
    if event_id is None:
        return b"event: message\ndata: " + data + b"\n\n"
    return b"id: " + event_id.encode() + b"\nevent: message\ndata: " + data + b"\n\n"


def priming(event_id: str, retry_ms: int) -> bytes:
    """An empty event: from now on a client can come back, and after how long it should."""
    return f"id: {event_id}\nretry: {retry_ms}\ndata:\n\n".encode()

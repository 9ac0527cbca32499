import json

import mcp_types
import pytest

from dynogate.errors import ProfileNotFound
from dynogate.wire.results import (
    AudioContent,
    BlobResource,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextResource,
    content_result,
    tool_failure,
    tool_result,
)


def test_a_result_carries_text_and_data() -> None:
    """Both are there, and the data is embedded as it was encoded."""
    assert json.loads(tool_result("hi", b'{"a":1.50}')) == {
        "content": [{"type": "text", "text": "hi"}],
        "structuredContent": {"a": 1.5},
        "isError": False,
    }


def test_a_failure_is_marked_and_carries_its_code() -> None:
    """A client that only looks at isError and one that wants the code are both served."""
    failed = json.loads(tool_failure(ProfileNotFound("no such profile", data={"id": "x"})))
    assert failed["isError"] is True
    assert failed["content"][0]["text"] == "no such profile"
    assert failed["structuredContent"] == {"code": 1404, "id": "x"}


@pytest.mark.parametrize(
    ("block", "encoded"),
    [
        (
            ImageContent(b"\x89PNG", "image/png"),
            {"type": "image", "data": "iVBORw==", "mimeType": "image/png"},
        ),
        (
            AudioContent(b"RIFF", "audio/wav"),
            {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"},
        ),
        (
            EmbeddedResource(TextResource("test://a", "text/plain", "hi")),
            {
                "type": "resource",
                "resource": {"uri": "test://a", "mimeType": "text/plain", "text": "hi"},
            },
        ),
        (
            EmbeddedResource(BlobResource("test://b", "image/png", b"\0")),
            {
                "type": "resource",
                "resource": {"uri": "test://b", "mimeType": "image/png", "blob": "AA=="},
            },
        ),
        (
            ResourceLink("profile://p", "p", mime_type="application/json"),
            {
                "type": "resource_link",
                "uri": "profile://p",
                "name": "p",
                "mimeType": "application/json",
            },
        ),
    ],
)
def test_a_result_can_carry_more_than_text(block: Content, encoded: dict[str, object]) -> None:
    """Each kind of content is encoded as the official types read it."""
    result = json.loads(content_result([block], b"{}"))
    assert result["content"] == [encoded]
    mcp_types.CallToolResult.model_validate(result)

import json

from dynogate.errors import ProfileNotFound
from dynogate.wire.results import tool_failure, tool_result


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

from typing import Any

import pytest

from dynogate.client import GatewayClient, parse_arguments
from dynogate.errors import GatewayUnreachable

SCHEMA: dict[str, Any] = {
    "properties": {
        "name": {"type": "string"},
        "top_n": {"type": "integer"},
        "deep": {"type": "boolean"},
        "words": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        "env": {"type": "object"},
    }
}


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ([], {}),
        (["--name", "a"], {"name": "a"}),
        (["--name=1"], {"name": "1"}),
        (["--top-n", "3"], {"top_n": 3}),
        (["--deep"], {"deep": True}),
        (["--deep", "false", "--name", "x"], {"deep": False, "name": "x"}),
        (["--deep", "--name", "x"], {"deep": True, "name": "x"}),
        (["--words", "a", "--words", "b"], {"words": ["a", "b"]}),
        (["--words", '["a", "b"]'], {"words": ["a", "b"]}),
        (["--env", '{"A": "1"}'], {"env": {"A": "1"}}),
        (["--unknown", "x"], {"unknown": "x"}),
    ],
)
def test_words_become_arguments_of_the_types_asked_for(
    words: list[str], arguments: dict[str, object]
) -> None:
    """The schema decides; what it doesn't know stays text for the gateway to judge."""
    assert parse_arguments(words, SCHEMA) == arguments


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["name"], "expected --key"),
        (["--name"], "--name needs a value"),
        (["--top-n", "many"], "--top-n takes integer"),
    ],
)
def test_wrong_words_are_named(words: list[str], said: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=said):
        parse_arguments(words, SCHEMA)


def test_no_gateway_is_told_with_what_to_do() -> None:
    """Port 9 (discard) answers nowhere."""
    with (
        GatewayClient("http://127.0.0.1:9") as client,
        pytest.raises(GatewayUnreachable, match="dynogate serve"),
    ):
        client.tools()

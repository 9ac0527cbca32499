from typing import Any

import pytest

from dynogate.errors import HeaderMismatch
from dynogate.wire.fields import Fields
from dynogate.wire.headers import accepts, check_mirrors, mirrors, read_headers


def schema(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def text(header: str) -> dict[str, Any]:
    return {"type": "string", "x-mcp-header": header}


def test_marked_arguments_are_found_at_any_depth() -> None:
    """Below plain properties."""
    found = mirrors(schema(region=text("Region"), deep=schema(inner=text("Inner"))))
    assert [(each.header, each.path) for each in found] == [
        ("region", ("region",)),
        ("inner", ("deep", "inner")),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        schema(a=text("")),
        schema(a=text("no spaces")),
        schema(a=text("line\n")),
        schema(a={"type": "string", "x-mcp-header": 5}),
        schema(a={"type": "number", "x-mcp-header": "A"}),
        schema(a=text("Same"), b=text("same")),
        schema(a={"type": "array", "items": schema(b=text("B"))}),
        schema(a={"anyOf": [text("A")]}),
    ],
)
def test_a_mark_that_breaks_a_rule_is_refused(broken: dict[str, Any]) -> None:
    """Clients would not take the tool."""
    with pytest.raises(ValueError, match="x-mcp-header"):
        mirrors(broken)


@pytest.mark.parametrize(
    ("kind", "sent", "argument", "fits"),
    [
        ("integer", "42", b"42", True),
        ("integer", "42.0", b"42", True),
        ("integer", "-7", b"-7", True),
        ("integer", "4_2", b"42", False),
        ("integer", "42.5", b"42", False),
        ("boolean", "true", b"true", True),
        ("boolean", "True", b"true", False),
        ("boolean", "1", b"true", False),
        ("string", "a", b'"a"', True),
        ("string", "A", b'"a"', False),
        ("string", "a", b"null", False),
    ],
)
def test_a_value_is_compared_by_its_type(kind: str, sent: str, argument: bytes, fits: bool) -> None:
    """Numbers by value, the rest to the letter."""
    found = mirrors(schema(it={"type": kind, "x-mcp-header": "It"}))
    headers = Fields([(b"mcp-param-it", sent.encode())])
    arguments = b'{"it": ' + argument + b"}"
    if fits:
        check_mirrors(found, headers, arguments)
        return
    with pytest.raises(HeaderMismatch):
        check_mirrors(found, headers, arguments)


@pytest.mark.parametrize("arguments", [b"{}", b'{"deep": 5}', b'{"deep": {"inner": null}}'])
def test_what_is_not_there_has_no_header(arguments: bytes) -> None:
    """Whatever stands where its parent should be."""
    found = mirrors(schema(deep=schema(inner=text("Inner"))))
    check_mirrors(found, Fields([]), arguments)


@pytest.mark.parametrize("name", [b"mcp-session-id", b"last-event-id", b"mcp-param-region"])
def test_a_header_counts_once(name: bytes) -> None:
    """Two readers could take a different one."""
    with pytest.raises(HeaderMismatch):
        read_headers(Fields([(name, b"a"), (name, b"a")]))


@pytest.mark.parametrize(
    ("accept", "json", "stream"),
    [
        (None, True, True),
        ("*/*", True, True),
        ("application/json", True, False),
        ("Application/*;q=0.5", True, False),
        ("application/json, text/event-stream", True, True),
        ("text/html", False, False),
    ],
)
def test_accept_is_read_as_http_has_it(accept: str | None, json: bool, stream: bool) -> None:
    """Without the header, anything goes."""
    headers = read_headers(Fields([] if accept is None else [(b"accept", accept.encode())]))
    assert accepts(headers, "application/json") is json
    assert accepts(headers, "text/event-stream") is stream


def test_whitespace_around_a_value_is_none_of_it() -> None:
    """RFC 9110, 5.5; not every server that reads requests takes it away."""
    fields = Fields([(b"mcp-name", b" \techo "), (b"mcp-param-region", b"here  ")])
    assert read_headers(fields).name == "echo"
    check_mirrors(mirrors(schema(region=text("Region"))), fields, b'{"region": "here"}')


def test_several_accept_headers_are_one() -> None:
    """RFC 9110, 5.3: a list may be cut into lines."""
    several = [(b"accept", b"text/html"), (b"host", b"a"), (b"accept", b"application/json")]
    assert accepts(read_headers(Fields(several)), "application/json")

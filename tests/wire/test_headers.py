from dynogate.wire.headers import read_headers


def test_whitespace_around_a_value_is_none_of_it() -> None:
    """RFC 9110, 5.5; not every server that reads requests takes it away."""
    found = read_headers([(b"mcp-name", b" \techo "), (b"mcp-param-region", b"here  ")])
    assert (found.name, found.params) == ("echo", {"region": "here"})

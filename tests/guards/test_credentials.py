import pytest

from dynogate.errors import InvalidRequest, Unauthenticated
from dynogate.guards.credentials import shown_credential
from dynogate.wire.fields import Fields


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ((b"authorization", b"Bearer abc"), b"abc"),
        ((b"authorization", b"bearer  abc "), b"abc"),
        ((b"x-api-key", b"abc"), b"abc"),
        ((b"accept", b"abc"), None),
    ],
)
def test_a_credential_is_read_from_its_header(
    header: tuple[bytes, bytes], found: bytes | None
) -> None:
    """The scheme's case doesn't matter (RFC 9110, section 11.1)."""
    assert shown_credential(Fields([(b"host", b"localhost"), header]), b"") == found


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"abc"])
def test_other_schemes_are_refused(value: bytes) -> None:
    """A client that sends a password learns what to send instead."""
    with pytest.raises(Unauthenticated, match="Bearer"):
        shown_credential(Fields([(b"authorization", value)]), b"")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")],
        [(b"x-api-key", b"a"), (b"authorization", b"Bearer a")],
        [(b"x-api-key", b"a"), (b"x-api-key", b"a")],
    ],
)
def test_two_credentials_are_refused(headers: list[tuple[bytes, bytes]]) -> None:
    """A proxy and the gateway might each believe another one."""
    with pytest.raises(InvalidRequest, match="more than one credential"):
        shown_credential(Fields(headers), b"")


def test_an_endless_credential_is_refused() -> None:
    """Unread, and not echoed."""
    with pytest.raises(Unauthenticated, match="longer than 8192 characters"):
        shown_credential(Fields([(b"x-api-key", b"a" * 8193)]), b"")


@pytest.mark.parametrize(
    "query",
    [
        b"api_key=x",
        b"a=1&ACCESS_TOKEN=x",
        b"k=dynogate_abc",
        b"%61pi_key=x",
        b"token",
        b"&".join([b"a=1"] * 101),
    ],
)
def test_credentials_in_a_query_are_refused(query: bytes) -> None:
    """Even beside a good header: logs have the secret by now."""
    with pytest.raises(InvalidRequest, match="query string"):
        shown_credential(Fields([(b"authorization", b"Bearer abc")]), query)


def test_another_query_is_let_through() -> None:
    """Endpoints have parameters of their own."""
    assert shown_credential(Fields([]), b"session=1&page=2") is None

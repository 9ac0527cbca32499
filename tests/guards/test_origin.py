import pytest

from dynogate.errors import ForbiddenOrigin, InvalidRequest
from dynogate.guards.origin import OriginGuard
from dynogate.settings import load_settings
from dynogate.wire.fields import Fields


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"127.0.0.1:8000")],
        [(b"host", b"localhost")],
        [(b"host", b"[::1]:8000"), (b"origin", b"http://localhost:3000")],
        [(b"host", b"Gate.Example:8000")],
    ],
)
def test_loopback_and_allowed_names_pass(headers: list[tuple[bytes, bytes]]) -> None:
    """Ports don't matter, case doesn't matter."""
    OriginGuard(load_settings(allowed_hosts="gate.example")).check(Fields(headers))


@pytest.mark.parametrize(
    "header",
    [
        (b"host", b"evil.example"),
        (b"host", b""),
        (b"host", b"[::1"),
        (b"origin", b"http://evil.example"),
        (b"origin", b"null"),
        (b"origin", b"http://127.0.0.1.evil.example"),
    ],
)
def test_strange_names_are_refused(header: tuple[bytes, bytes]) -> None:
    """A page of another site, or a rebound name, gets nothing; the message names the setting."""
    with pytest.raises(ForbiddenOrigin, match="DYNOGATE_ALLOWED_HOSTS"):
        OriginGuard(load_settings()).check(Fields([header]))


def test_a_star_allows_any_name() -> None:
    """For gateways whose proxy has checked already."""
    OriginGuard(load_settings(allowed_hosts="*")).check(Fields([(b"host", b"evil.example")]))


@pytest.mark.parametrize("name", [b"host", b"origin"])
@pytest.mark.parametrize("allowed", ["", "*"])
def test_two_of_one_header_are_refused(name: bytes, allowed: str) -> None:
    """A proxy may have looked at the other one (RFC 9112, section 3.2)."""
    headers = [(name, b"http://localhost"), (name, b"http://localhost")]
    if name == b"host":
        headers = [(name, b"localhost"), (name, b"localhost")]
    with pytest.raises(InvalidRequest, match="more than one"):
        OriginGuard(load_settings(allowed_hosts=allowed)).check(Fields(headers))


def test_names_that_were_found_good_are_remembered_within_bounds() -> None:
    """Any number of ports on localhost pass, and take no more memory for it."""
    guard = OriginGuard(load_settings())
    for port in range(300):
        guard.check(Fields([(b"host", f"localhost:{port}".encode())]))
    assert len(guard._seen) == 256

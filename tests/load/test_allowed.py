"""Which servers may be loaded: names, addresses, and where names lead."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynogate.errors import ConfigurationError, TargetNotAllowed, TargetUnreachable
from dynogate.load.allowed import AllowedTargets
from dynogate.load.targets import target

PUBLIC = "93.184.215.14"


class Names:
    """A DNS for tests, which remembers what it was asked."""

    def __init__(self, answers: dict[str, Sequence[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def getaddrinfo(self, host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror("Name or service not known")
        return [(0, 0, 0, "", (address, port)) for address in self.answers[host]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Instead of the system's resolver."""
    made = Names({"listed.example": [PUBLIC], "localhost": ["::1", "127.0.0.1"]})
    monkeypatch.setattr(
        asyncio.BaseEventLoop, "getaddrinfo", lambda _, *a, **k: made.getaddrinfo(*a, **k)
    )
    return made


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("http://127.0.0.1:8000", ("127.0.0.1",)),
        ("http://127.8.9.10", ("127.8.9.10",)),
        ("http://127.0.0.1.:80", ("127.0.0.1",)),
        ("ws://[::1]:9", ("::1",)),
        ("https://LOCALHOST.:1", ("::1", "127.0.0.1")),
        ("http://[::ffff:127.0.0.1]", ("::ffff:7f00:1",)),
    ],
)
async def test_this_machine_is_allowed(url: str, addresses: tuple[str, ...], names: Names) -> None:
    """By default, under all its names; connections go to the addresses that were checked."""
    assert (await AllowedTargets().admit(target(url))).addresses == addresses


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "8.8.8.8", "224.0.0.1"),
        *("[::]", "[fe80::1]", "[fe80::1%25eth0]", "[fd00::1]", "[2001:db8::1]"),
        *("[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
        *("127.1", "2130706433", "0x7f000001", "017700000001", "127.0.0.01"),
        *("example.org", "localhost.evil.example", "127.0.0.1.nip.example", "metadata"),
    ],
)
async def test_everything_else_is_refused_without_asking_the_dns(host: str, names: Names) -> None:
    """The error names what was refused and the setting."""
    with pytest.raises(TargetNotAllowed, match=r"DYNOGATE_LOAD_TARGETS lists \(localhost, "):
        await AllowedTargets().admit(target(f"http://{host}:8000"))
    assert names.asked == []


HOSTS = st.one_of(
    st.ip_addresses().map(lambda address: f"[{address}]" if ":" in str(address) else str(address)),
    st.from_regex(r"[0-9a-fx.]{1,20}", fullmatch=True),
    st.from_regex(r"(localhost|127\.0\.0\.1|\[::1\])[.@:#/\\%a-z0-9]{0,12}", fullmatch=True),
)


@given(host=HOSTS)
def test_nothing_leads_away_from_this_machine(host: str) -> None:
    """Whatever is written as a host: what is admitted by default is a loopback address."""
    try:
        admitted = asyncio.run(AllowedTargets().admit(target(f"http://{host}")))
    except (TargetNotAllowed, ConfigurationError):
        return
    assert admitted.addresses
    for each in map(ip_address, admitted.addresses):
        assert (getattr(each, "ipv4_mapped", None) or each).is_loopback


async def test_a_listed_name_may_lead_to_public_addresses(names: Names) -> None:
    """And is looked up once."""
    allowed = AllowedTargets(["Listed.Example"])
    assert (await allowed.admit(target("https://listed.example"))).addresses == (PUBLIC,)
    assert names.asked == ["listed.example"]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "255.255.255.255", "224.0.1.1", "::1", "::", "fe80::1", "fc00::1", "ff0e::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001::1"),
    ],
)
async def test_a_listed_name_must_not_lead_inside(address: str, names: Names) -> None:
    """Not even with one of its addresses; whoever answers for the name does not decide."""
    names.answers = {"listed.example": [PUBLIC, address]}
    with pytest.raises(TargetNotAllowed, match=r"an address of listed\.example"):
        await AllowedTargets(["listed.example"]).admit(target("http://listed.example"))


async def test_an_inside_address_may_be_listed_beside_its_name(names: Names) -> None:
    """Then the name may lead there, and nowhere else inside."""
    names.answers = {"staging": ["10.1.2.3"]}
    allowed = AllowedTargets(["staging", "10.1.0.0/16"])
    assert (await allowed.admit(target("http://staging"))).addresses == ("10.1.2.3",)
    names.answers = {"staging": ["10.2.0.1"]}
    with pytest.raises(TargetNotAllowed, match=r"10\.2\.0\.1"):
        await allowed.admit(target("http://staging"))


async def test_a_port_narrows_an_entry(names: Names) -> None:
    """Of names and of addresses; the usual one of the scheme counts, too."""
    allowed = AllowedTargets(["listed.example:443", "127.0.0.1:8000", "[::1]:8000"])
    for good in ("https://listed.example", "http://127.0.0.1:8000", "ws://[::1]:8000"):
        assert (await allowed.admit(target(good))).addresses
    for bad in ("http://listed.example", "http://127.0.0.1:6379", "http://[::1]"):
        with pytest.raises(TargetNotAllowed):
            await allowed.admit(target(bad))


async def test_an_unknown_name_is_told(names: Names) -> None:
    """It was listed, and nobody knows it."""
    with pytest.raises(TargetUnreachable, match=r"gone\.example: the host name is not known"):
        await AllowedTargets(["gone.example"]).admit(target("http://gone.example"))


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "http://host",
        "10.0.0.1/8",
        "host:0",
        "host:99999",
        "host:x",
        "[::1",
        "[::1]8",
        "a b",
        "*",
    ],
)
def test_an_entry_that_is_none_is_refused(entry: str) -> None:
    """With the setting, before the gateway starts."""
    with pytest.raises(ConfigurationError, match="DYNOGATE_LOAD_TARGETS: "):
        AllowedTargets([entry])


async def test_an_empty_list_allows_nothing() -> None:
    """Load tests are switched off."""
    with pytest.raises(TargetNotAllowed, match=r"\(empty\)"):
        await AllowedTargets([]).admit(target("http://127.0.0.1"))

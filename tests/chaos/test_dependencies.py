"""Actions and probes on what the gateway depends on, on a rig that has all of it."""

import time
from collections.abc import Iterator

import pytest

from chaos.actions import toxics, upstream
from chaos.probes import calls, services
from chaos.rig.rig import Rig
from dynogate.errors import RigFailed

FIRST = "chaos"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """A gateway with every service, each behind its link."""
    with Rig(
        ["redis", "postgres", "upstream", "issuer"],
        {"rate_limit": "1000/second", "rate_limit_timeout_sec": 0.3, "store_timeout_sec": 2},
    ) as standing:
        yield standing


@pytest.fixture(autouse=True)
def whole(rig: Rig) -> Iterator[None]:
    """Every test leaves the links whole."""
    yield
    for link in rig.toxiproxy.links:
        toxics.remove(link)
        toxics.mend(link)
    assert rig.toxiproxy.leftovers() == ()


@pytest.mark.parametrize("link", ["redis", "postgres", "upstream", "issuer"])
def test_a_fault_is_proven_where_it_is_and_only_there(link: str) -> None:
    """Silent, late and cut off, each by a raw request of the service's own protocol."""
    assert not services.silent(link)["bit"]
    assert not services.delayed(link, at_least=0.1)["bit"]
    assert not services.refused(link)["bit"]
    toxics.add(link, "timeout", {"timeout": 0}, stream="upstream")
    silent = services.silent(link, seconds=0.3)
    assert silent["bit"], silent["text"]
    assert "no answer" in silent["text"]
    toxics.remove(link)
    toxics.add(link, "latency", {"latency": 200, "jitter": 0})
    late = services.delayed(link, at_least=0.15)
    assert late["bit"], late["text"]
    toxics.cut(link)
    assert services.refused(link)["bit"]


def test_a_new_key_signs_tokens_that_are_good_once_it_is_published(rig: Rig) -> None:
    """Beside the first; the gateway has asked for none so far, so that it finds both."""
    assert upstream.publish_key("another") == "another"
    for kid in ("another", FIRST):
        assert calls.served(rig.gateway.url, "echo", kid=kid)["calls"] == 1


def test_calls_tell_what_they_got(rig: Rig) -> None:
    """An error that must come is refused otherwise, and a success likewise."""
    url = rig.gateway.url
    assert calls.served(url, "fetch", count=3, kid=FIRST)["calls"] == 3
    refused = calls.refused(url, "fetch", [1401], count=2)
    assert (refused["calls"], refused["1401"]) == (2, 2)
    assert 0 < refused["slowest"] < 10
    with pytest.raises(RigFailed, match=r"3 of 3 calls of fetch did not get the error \[1510\]"):
        calls.refused(url, "fetch", [1510], count=3)
    with pytest.raises(RigFailed, match="2 of 2 calls of fetch failed"):
        calls.served(url, "fetch", count=2)
    with pytest.raises(RigFailed, match="neither a result nor 1503"):
        calls.offered(url, "echo", seconds=0.2, rate=20, code=1503)
    assert calls.offered(url, "echo", seconds=0.2, rate=20, code=1401)["admitted"] == 0
    gone = calls.make_calls("http://127.0.0.1:1", "echo", 1)
    assert gone[0].code == -1


def test_what_comes_back_is_waited_for(rig: Rig) -> None:
    """For so long, and no longer."""
    url = rig.gateway.url
    assert calls.back(url, "echo", within=5, kid=FIRST)["seconds"] < 5
    start = time.monotonic()
    with pytest.raises(RigFailed, match=r"echo was not back within 0\.2 s"):
        calls.back(url, "echo", within=0.2)
    assert time.monotonic() - start < 5


def test_without_an_issuer_there_are_no_tokens(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment has to say what it needs."""
    monkeypatch.setattr(rig, "issuer", None)
    with pytest.raises(RigFailed, match="no issuer"):
        upstream.publish_key("third")
    with pytest.raises(RigFailed, match="no issuer"):
        calls.served(rig.gateway.url, "echo", kid=FIRST)

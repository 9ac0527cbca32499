"""The upstream of experiments: it counts, resets and answers names as it is told, on the wire."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from chaos.actions import upstream as actions
from chaos.probes import upstream as probes
from chaos.rig.gateway import with_resolver
from chaos.rig.issuer import Issuer
from chaos.rig.ports import free_address, free_port
from chaos.rig.processes import Process, until
from dynogate.errors import RigFailed
from dynogate.resilience.http import Upstream
from dynogate.resilience.policy import Policy

NAME = "service.chaos.test"
STUBBORN = Policy(timeout_sec=10.0, retries=3, failures=1_000_000, recovery_sec=1.0)


@pytest.fixture(scope="module")
def names() -> str:
    """The address of the name server."""
    return free_address()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, names: str) -> Iterator[str]:
    """A running upstream with its name server."""
    folder, port = tmp_path_factory.mktemp("upstream"), free_port()
    keys = folder / "keys.json"
    Issuer(keys).publish("second")
    process = Process(
        "upstream",
        [sys.executable, "-m", "chaos.rig.upstream", str(port), str(keys), names],
        folder,
        None,
    )
    process.env["PYTHONPATH"] = str(Path(__file__).parents[2])
    process.start(lambda: answers(port))
    yield f"http://127.0.0.1:{port}"
    process.kill()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_it_counts_what_came_since_it_was_told_how_to_be(url: str) -> None:
    """Each kind apart; an order that came twice is known."""
    actions.behave(url)
    with httpx2.Client(base_url=url) as client:
        assert client.get("/value").json() == {"value": 42}
        for key in ("a", "b", "a"):
            assert client.post(f"/orders/{key}").status_code == 201
        assert {key["kid"] for key in client.get("/keys").json()["keys"]} == {"chaos", "second"}
        assert client.get("/else").status_code == 404
    found = probes.counts(url)
    assert (found["values"], found["orders"], found["repeated"], found["keys"]) == (1, 3, 1, 1)
    actions.behave(url)
    assert probes.counts(url)["orders"] == 0


def test_a_reset_comes_after_the_request_has_arrived(url: str) -> None:
    """As TCP RST, not as an end of the connection."""
    actions.misbehave(url, reset_share=1.0)
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 10) as wire:
        wire.sendall(b"GET /value HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            wire.recv(1)
    assert probes.counts(url)["resets"] == 1
    actions.behave(url)


async def test_half_of_the_requests_of_one_connection_are_reset(url: str) -> None:
    """The dice are rolled for each; four attempts get 15 of 16 through, one gets half through."""
    actions.misbehave(url, reset_share=0.5)
    upstream = Upstream("upstream", url, STUBBORN)
    reply = await upstream.get("/value")
    assert reply.json() == {"value": 42}
    with httpx2.Client() as client:
        outcomes = [reset(client, url) for _ in range(200)]
    assert 70 <= sum(outcomes) <= 130  # 2 in 100,000 runs of fair dice lie outside
    proof = probes.resets(url, share=0.5, slack=0.15, at_least=200)
    assert proof["bit"], proof["text"]
    assert not probes.resets(url, share=0.9, slack=0.15, at_least=200)["bit"]
    assert not probes.resets(url, share=0.5, slack=0.15, at_least=2000)["bit"]
    await upstream.close()
    actions.behave(url)


def reset(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/value").status_code != 200
    except httpx2.TransportError:
        return True


def test_a_behaviour_that_it_does_not_know_is_an_error(url: str) -> None:
    """The deed was not done, so the action says so."""
    with pytest.raises(RigFailed, match="did not take"):
        actions.misbehave(url, names={NAME: "asleep"})


@contextmanager
def lookup(names: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that looks the name up by the C library, with the name server for its own."""
    code = f"import socket; print(socket.gethostbyname({NAME!r}))"
    with subprocess.Popen(
        with_resolver(names, folder, [sys.executable, "-c", code]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_names_are_answered_as_told(url: str, names: str, tmp_path: Path) -> None:
    """Well, by NXDOMAIN, and by nothing at all, through the C library's own resolver."""
    actions.behave(url)
    with lookup(names, tmp_path) as process:
        assert process.communicate(timeout=30)[0] == "127.0.0.1\n"
    actions.misbehave(url, names={NAME: "missing"})
    with lookup(names, tmp_path) as process:
        assert "Name or service not known" in process.communicate(timeout=30)[1]
    actions.misbehave(url, names={NAME: "silent"})
    with lookup(names, tmp_path) as process:
        until(lambda: probes.asked_in_vain(url, [NAME])["bit"], "the query", 30)
        assert process.poll() is None
    assert not probes.asked_in_vain(url, ["another.chaos.test"])["bit"]
    actions.behave(url)

"""The rig, and actions and probes on it, for real."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chaos.actions import toxics
from chaos.probes import client, gateway, wire
from chaos.rig.gateway import ROOT
from chaos.rig.processes import until
from chaos.rig.rig import Rig, current
from dynogate.errors import RigFailed
from dynogate.jobs.warden.processes import is_running


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """A gateway behind its link."""
    with Rig() as standing:
        yield standing


@pytest.fixture(autouse=True)
def whole(rig: Rig) -> Iterator[None]:
    """Every test finds the link whole, and leaves it so."""
    yield
    toxics.remove("client")
    toxics.mend("client")
    assert rig.toxiproxy.leftovers() == ()


def test_everything_listens_on_loopback_only(rig: Rig) -> None:
    """Nobody else can break things, or call the gateway."""
    for process in (rig.toxiproxy.process, rig.gateway.process):
        listening = [
            each.laddr.ip
            for each in psutil.Process(process.pid).net_connections()
            if each.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert set(listening) == {"127.0.0.1"}


def test_the_gateway_answers_through_its_link_and_around_it(rig: Rig) -> None:
    """The same gateway, which knows the tools of the rig."""
    assert gateway.ready()
    assert wire.ask(rig.port("client"), wire.echo(10)).whole
    assert client.typed_errors("client", calls=1) == {"whole": 1, "half": 0, "typed": 0}


def test_a_toxic_is_read_back() -> None:
    """With what was asked for, and what the server made of it."""
    seen = toxics.add("client", "latency", {"latency": 40})
    assert seen["attributes"] == {"latency": 40, "jitter": 0}
    assert toxics.remove("client") == 1


@pytest.mark.parametrize(
    ("toxic", "attributes", "why"),
    [
        ("latency", {"latancy": 200}, "latency knows no latancy"),
        ("latancy", {}, "there is no toxic 'latancy'"),
        ("bandwidth", {"rate": 50, "burst": 1}, "bandwidth knows no burst"),
    ],
)
def test_a_misspelt_toxic_is_refused(
    rig: Rig, toxic: str, attributes: dict[str, int], why: str
) -> None:
    """Toxiproxy would take it, and do nothing."""
    with pytest.raises(RigFailed, match=why):
        toxics.add("client", toxic, attributes)
    assert rig.toxiproxy.toxics("client") == {}


def test_a_toxic_on_no_link_is_refused() -> None:
    """The library answers with a TypeError of its own."""
    with pytest.raises((RigFailed, TypeError)):
        toxics.add("nowhere", "latency", {"latency": 1})


def test_what_is_left_is_found(rig: Rig) -> None:
    """A toxic, a cut link, a link that leads elsewhere."""
    link = rig.toxiproxy.links["client"]
    toxics.add("client", "latency", {"latency": 1})
    toxics.cut("client")
    rig.toxiproxy.ask("POST", "/proxies/client", {"upstream": "127.0.0.1:1"})
    assert rig.toxiproxy.leftovers() == (
        "link 'client' is still cut",
        "link 'client' still leads to 127.0.0.1:1",
        "toxic 'latency_downstream' is still on 'client'",
    )
    rig.toxiproxy.ask("POST", "/proxies/client", {"upstream": f"127.0.0.1:{link.upstream}"})


def test_proofs_need_the_fault() -> None:
    """On a whole link none of them says that it bit."""
    assert not wire.slower("client", 0.03, 0.3, calls=1)["bit"]
    assert not wire.throttled("client", 50)["bit"]
    assert not wire.sliced("client", 10)["bit"]
    assert not wire.broken_off("client", 100, within="body", end="closed")["bit"]


def test_a_slow_link_is_proved() -> None:
    """By a round trip on the wire."""
    toxics.add("client", "latency", {"latency": 50})
    assert wire.slower("client", 0.04, 0.3, calls=1)["bit"]


@pytest.mark.parametrize(
    ("toxic", "attributes", "within", "end"),
    [
        ("limit_data", {"bytes": 60}, "head", "closed"),
        ("limit_data", {"bytes": 700}, "body", "closed"),
        ("reset_peer", {"timeout": 0}, "nothing", "reset"),
    ],
)
def test_a_broken_link_is_proved_and_told_to_the_client(
    toxic: str, attributes: dict[str, int], within: wire.Place, end: str
) -> None:
    """By the bytes that come; Dynogate's own client has an error of its own for each."""
    toxics.add("client", toxic, attributes)
    assert wire.broken_off("client", 1000, within=within, end=end)["bit"]
    assert client.typed_errors("client", 1000, calls=1)["typed"] == 1


def test_what_the_gateway_holds_is_given_back(rig: Rig) -> None:
    """Open connections count, until they are closed."""
    gateway.held()
    wires = [socket.create_connection(("127.0.0.1", rig.gateway.port)) for _ in range(10)]
    assert gateway.held_more(at_most=2, within=0.1)["connections"] >= 8
    for each in wires:
        each.close()
    assert gateway.held_more(at_most=2, within=5)["most"] <= 2


def test_there_is_no_rig_but_while_it_stands(rig: Rig) -> None:
    """Activities outside of a run say so."""
    assert current() is rig
    below = rig.gateway.process.pid
    with Rig(needs=["upstream", "issuer"]) as second:
        assert current() is second
        assert second.upstream is not None
        ended = [second.gateway.process.pid, second.upstream.pid, second.toxiproxy.process.pid]
        folder = second.folder
        # Everyone needs a token there, and the rig's issuer has one that is good.
        assert gateway.ready()
    assert current() is rig
    assert not [pid for pid in ended if psutil.pid_exists(pid)]
    assert not folder.exists()
    assert psutil.pid_exists(below)


def test_the_rigs_programs_end_with_a_killed_runner(tmp_path: Path) -> None:
    """Nobody is left to end them: the kernel does."""
    program = (
        "import os, pathlib, signal\n"
        "from chaos.rig.processes import Process\n"
        "sleeper = Process('sleeper', ['sleep', '600'], pathlib.Path(os.environ['FOLDER']))\n"
        "sleeper.start(lambda: True)\n"
        "print(sleeper.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "FOLDER": str(tmp_path)},
        capture_output=True,
    )
    pid = int(done.stdout)
    until(lambda: not is_running(pid), "the program to end", 10)


def test_a_link_that_cannot_be_made_is_said(rig: Rig) -> None:
    """Toxiproxy's Python client takes a refusal for a success, or falls over it."""
    with pytest.raises(RigFailed, match="no link 'client'"):
        rig.toxiproxy.link("client", 9)
    taken = rig.port("client")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chaos.rig.toxiproxy.free_port", lambda: taken)
        with pytest.raises(RigFailed, match="no link 'second'"):
            rig.toxiproxy.link("second", 9)

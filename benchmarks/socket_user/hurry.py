"""Beside ``loadtests/locustfile.py``: its WebSocket users do not think, and their CPU is told.

The last ``SECONDS`` of a run are measured, so that starting up and connecting do not count; the
figures go to the file that ``HURRY_REPORT`` names.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
from locust import events
from locust.env import Environment

from loadtests.users.websocket import WebSocketMCPUser

SECONDS = float(os.environ["HURRY_SECONDS"])


def no_time_to_think(_: WebSocketMCPUser) -> float:
    """Seconds."""
    return 0.0


WebSocketMCPUser.wait_time = no_time_to_think  # type: ignore[method-assign, assignment]


def prepare(environment: Environment, **_: Any) -> None:
    """Measure as soon as every user is there."""

    def begin(**_: Any) -> None:
        gevent.spawn(measure, environment)

    environment.events.spawning_complete.add_listener(begin)


events.init.add_listener(prepare)


def measure(environment: Environment) -> None:
    """Measure, write it down, and end the run."""
    assert environment.runner is not None
    total = environment.stats.total
    gevent.sleep(1.0)  # each user asks for the tools first
    total = environment.stats.total
    began = (time.perf_counter(), time.process_time(), total.num_requests, total.num_failures)
    gevent.sleep(SECONDS)
    ended = (time.perf_counter(), time.process_time(), total.num_requests, total.num_failures)
    names = ("seconds", "cpu_seconds", "round_trips", "failures")
    figures = dict(zip(names, (b - a for a, b in zip(began, ended, strict=True)), strict=True))
    Path(os.environ["HURRY_REPORT"]).write_text(json.dumps(figures))
    environment.runner.quit()

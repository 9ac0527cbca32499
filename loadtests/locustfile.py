"""Load tests of the gateway, or of any other MCP server.

``locust -f loadtests/locustfile.py --host http://127.0.0.1:8000`` opens the web interface;
``--headless -u 50 -r 10 -t 30s`` runs without it. Name user classes at the end of the command to
run only those; add a file of ``loadtests/shapes`` to ``-f`` for load that changes over time.
"""

import sys
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs from any folder

from loadtests import arrivals, choice, options, precision, verdict
from loadtests.users.http import HeavyMCPUser, MCPUser, ProfilingUser, StreamableMCPUser
from loadtests.users.websocket import WebSocketMCPUser

__all__ = [
    "HeavyMCPUser",
    "MCPUser",
    "ProfilingUser",
    "StreamableMCPUser",
    "WebSocketMCPUser",
]

precision.install()
events.init_command_line_parser.add_listener(options.add)


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    """Wire what the command line asks for into the run."""
    arrivals.install(environment)
    choice.leave_out(environment)
    verdict.install(environment)

"""Options of ours on Locust's command line."""

import os

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

_LIMITS = {"--max-error-rate": "1%%", "--max-p99": "500ms", "--min-rps": "100"}


def add(parser: LocustArgumentParser, **_: object) -> None:
    """Add them to ``parser``."""
    ours = parser.add_argument_group("Dynogate")
    ours.add_argument("--rate", type=float, help="open loop: requests a second, all users together")
    ours.add_argument("--replay", help="open loop: a file of arrivals, in seconds, one a line")
    for option, example in _LIMITS.items():
        ours.add_argument(
            option,
            action="append",
            default=[],
            metavar="[NAME=]LIMIT",
            help=f"fail beyond it, of one entry or of all, e.g. {example}; may be repeated",
        )
    ours.add_argument("--step-users", type=int, default=10, help="shapes: users of a step")
    ours.add_argument("--step-seconds", type=float, default=30.0, help="shapes: length of a step")
    parser.add_argument(  # the group's method knows nothing of is_secret
        "--api-key",
        default=os.environ.get("DYNOGATE_API_KEY", ""),
        is_secret=True,
        help="sent as a bearer token; by default $DYNOGATE_API_KEY",
    )


def credentials(environment: Environment) -> dict[str, str]:
    """The headers that authenticate."""
    key = getattr(environment.parsed_options, "api_key", "")
    return {"Authorization": f"Bearer {key}"} if key else {}

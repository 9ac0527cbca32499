"""What Dynogate's own client makes of a broken link."""

from chaos.rig.rig import current
from dynogate.client import GatewayClient
from dynogate.errors import ClientError


def typed_errors(link: str, size: int = 20, calls: int = 10) -> dict[str, int]:
    """How calls through a link end, each on a connection of its own.

    Args:
        link: of the rig, to the gateway.
        size: of the answer asked for, in characters.
        calls: how many.

    Returns:
        ``whole`` answers, ``half`` ones that were taken for whole, ``typed`` errors of the client.
        Any other exception is the probe's failure.
    """
    ends = {"whole": 0, "half": 0, "typed": 0}
    for _ in range(calls):
        try:
            with GatewayClient(current().url(link), timeout_sec=5.0) as client:
                said = client.call("echo", {"size": size}).structured_content["said"]
            ends["whole" if said == "x" * size else "half"] += 1
        except ClientError:
            ends["typed"] += 1
    return ends

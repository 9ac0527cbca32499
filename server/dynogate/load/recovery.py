"""How long a server takes to be itself again after an overload."""

import numpy as np

from dynogate.load.samples import Samples

WINDOW_SEC = 0.5


def recovery_time(
    samples: Samples, overload_ended: float, normal_p95: float, *, slack: float = 1.5
) -> float | None:
    """Seconds from the end of the overload until calls are served as before it, for good.

    The calls are looked at in windows of half a second by their intended send. A window is normal
    again where all its calls succeeded but one in twenty, and its 95th percentile of the response
    time is at most ``slack`` times that of before. Recovered means that every window from there on
    is normal: a server that stumbles again has not recovered.

    Args:
        samples: calls at the normal load, after the overload.
        overload_ended: when the last call of the overload was intended, in seconds of ``samples``.
        normal_p95: the 95th percentile before the overload, in seconds.
        slack: how much of it still counts as normal.

    Returns:
        The seconds, to half a second; None where the server did not recover within the samples.
    """
    recovered: float | None = None
    for start in np.arange(overload_ended, samples.duration, WINDOW_SEC):
        window = samples.window(float(start), float(start) + WINDOW_SEC)
        if len(window) == 0:
            continue
        # A comparison with NaN, where nothing succeeded, is false: not normal.
        normal = window.success_rate >= 0.95 and (
            window.response_percentiles().p95 <= slack * normal_p95
        )
        if not normal:
            recovered = None
        elif recovered is None:
            recovered = float(start) - overload_ended
    return recovered

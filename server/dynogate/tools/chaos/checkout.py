"""Where the chaos experiments are: beside ``server/`` in a checkout; the wheel has none."""

from pathlib import Path

import dynogate
from dynogate.errors import ChaosUnavailable


def checkout() -> Path:
    """The root of the checkout that this gateway runs from.

    Raises:
        ChaosUnavailable: it runs from an installed wheel.
    """
    root = Path(dynogate.__file__).resolve().parents[2]
    if not (root / "chaos" / "__main__.py").is_file():
        raise ChaosUnavailable(
            "the chaos experiments are not installed: they are part of a checkout of Dynogate "
            f"(its folder chaos/), and this gateway runs from {root}. Start it in a checkout, "
            "after ./scripts/install"
        )
    return root

"""Proof that a fault bit: what a probe of the method puts out, for the judge to read.

A fault that was asked for is not yet a fault: a proof is an effect that was measured, on the wire,
in the process table, on the disk, and that a machine without the fault would not show.
"""

from typing import TypedDict


class Proof(TypedDict):
    """What was measured.

    Attributes:
        bit: whether the fault had its effect.
        text: the effect in words, with its figures.
        figures: the same for machines.
    """

    bit: bool
    text: str
    figures: dict[str, float]


def proof(bit: bool, text: str, **figures: float) -> Proof:
    """A proof, or the measured lack of one."""
    return {"bit": bool(bit), "text": text, "figures": figures}

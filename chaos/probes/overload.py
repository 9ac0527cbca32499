"""Whether the gateway was offered more than it can serve."""

from chaos.actions.overload import NOTE, Overload
from chaos.proof import Proof, proof
from chaos.rig.rig import current
from dynogate.errors import RigFailed


def was_overloaded(times: float) -> Proof:
    """Prove that it was offered so many times its peak, and could not serve all of it.

    Args:
        times: of the peak, at least.
    """
    found: Overload | None = current().notes.get(NOTE)
    if found is None:
        raise RigFailed("nothing was offered yet")
    return proof(
        found.offered >= times * found.peak and found.shed > 0,
        f"{found.offered:.0f} calls a second were offered, {found.offered / found.peak:.1f} times "
        f"the peak of {found.peak:.0f}; {found.shed} were refused",
        offered=found.offered,
        peak=found.peak,
    )

"""Whether an experiment catches a broken gateway, and for the right reason."""

from collections.abc import Iterator

from chaos.controls.catalogue import Control
from chaos.runner import Outcome


def misses(control: Control, broken: Outcome, healthy: Outcome | None) -> tuple[str, ...]:
    """Why the experiment cannot be trusted to catch the defect; nothing where it can.

    Args:
        broken: of the run with the defect.
        healthy: of the run without; None where that was not made.
    """
    return (*_of_healthy(healthy), *_of_broken(control, broken))


def _of_healthy(healthy: Outcome | None) -> Iterator[str]:
    if healthy is not None and not healthy.verdict.green:
        yield f"it is red on a healthy gateway, too: {'; '.join(healthy.verdict.reasons)}"


def _of_broken(control: Control, broken: Outcome) -> Iterator[str]:
    verdict, evidence = broken.verdict, broken.evidence
    if verdict.green:
        yield f"the defect was not noticed: {broken.experiment.name!r} is green"
        return
    if evidence.stopped or evidence.broken or evidence.journal is None:
        yield f"the run with the defect came to no end: {'; '.join(verdict.reasons)}"
        return
    if not all(bit for _, bit in verdict.proofs):
        yield "the fault did not bite, so that it says nothing of the defect"
    if all(bar.passed for bar in verdict.bars if bar.says == control.breaks):
        yield f"it is red for another reason: {'; '.join(verdict.reasons)}"

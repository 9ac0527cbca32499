"""The disk of the gateway's data: filled, made read-only, and given back."""

from chaos.rig.rig import current
from chaos.rig.volume import Volume
from dynogate.errors import RigFailed


def fill() -> int:
    """Fill it to the last byte; how many bytes that took.

    Raises:
        RigFailed: it did not become full.
    """
    volume, pid = _disk()
    return volume.fill(pid)


def empty() -> bool:
    """Take away what filled it; True.

    Raises:
        RigFailed: it still takes no byte.
    """
    volume, pid = _disk()
    volume.empty(pid)
    return _is_writable(volume, pid)


def make_read_only() -> bool:
    """Let nothing on it be opened for writing; True. What is open already stays so.

    Raises:
        RigFailed: it could not be done.
    """
    volume, pid = _disk()
    volume.make_read_only(pid)
    return True


def make_writable() -> bool:
    """Undo it; True.

    Raises:
        RigFailed: it still cannot be written.
    """
    volume, pid = _disk()
    volume.make_writable(pid)
    return _is_writable(volume, pid)


def _is_writable(volume: Volume, pid: int) -> bool:
    refusal = volume.refusal(pid)
    if refusal:
        raise RigFailed(f"the disk still cannot be written (error {refusal})")
    return True


def _disk() -> tuple[Volume, int]:
    gateway = current().gateway
    if gateway.volume is None:
        raise RigFailed("the gateway has no disk of its own: set gateway.volume_mb")
    return gateway.volume, gateway.process.pid

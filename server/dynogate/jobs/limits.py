"""How much of the machine one job may use."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of one child process and of everything it starts.

    Attributes:
        timeout_sec: wall-clock time until the tree is asked to stop.
        memory_mb: resident memory of the whole tree in MiB, polled; pages that forked processes
            share count once. Half as much again, and the tree is killed without asking.
        processes: processes of the tree (threads do not count). Twice as many, and the tree is
            killed without asking.
        file_size_mb: the largest file it may write (``RLIMIT_FSIZE``), in MiB.
        output_bytes: what is kept of stdout, and of stderr: the head and the tail.
        grace_sec: time between ``SIGTERM``, on which a program may write what it has, and
            ``SIGKILL``.

    Raises:
        ValueError: a limit is negative, or one other than ``grace_sec`` is zero.
    """

    timeout_sec: float = 120.0
    memory_mb: float = 4096
    processes: int = 64
    file_size_mb: float = 512
    output_bytes: int = 65536
    grace_sec: float = 5.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 or (value == 0 and field.name != "grace_sec"):
                raise ValueError(f"{field.name} must be positive, not {value}")

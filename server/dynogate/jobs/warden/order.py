"""What the gateway asks of the warden, and what the warden reports: plain data, marshalled.

``marshal`` is safe between two processes of one interpreter that nobody else writes to, and
costs no import; ``json`` would be half of the warden's start-up.
"""

import marshal


class Order:
    """One job. Units as in ``Limits``; words as bytes, as the gateway's locale has encoded them.

    Attributes:
        argv: the command.
        bwrap: path of bubblewrap and its arguments; empty to run the command as it is.
        memory_folders: folders of the sandbox that live in memory and count as such.
        cwd: working directory.
        env: the whole environment.
    """

    argv: list[bytes]
    bwrap: list[bytes]
    memory_folders: list[str]
    cwd: bytes
    env: dict[bytes, bytes]
    timeout_sec: float
    memory_mb: float
    processes: int
    file_size_mb: float
    output_bytes: int
    grace_sec: float

    def __init__(self, data: bytes) -> None:
        self.__dict__.update(marshal.loads(data))  # noqa: S302 (see above)


class Report:
    """How one job went.

    Attributes:
        end: a value of ``ChildEnd``.
        problem: what kept the command from starting, with its errno (0 where the sandbox said
            it in words); None where it started.
        returncode: exit status, negative for a signal.
    """

    end: str
    problem: tuple[int, str] | None
    returncode: int
    elapsed_sec: float
    cpu_sec: float
    max_rss_mb: float
    stdout: str
    stderr: str
    leftovers: int

    def __init__(self, data: bytes) -> None:
        self.__dict__.update(marshal.loads(data))  # noqa: S302 (see above)

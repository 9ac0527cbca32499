"""uvicorn's supervisor of several server processes, which sees at once that one has died.

It asks each for a sign of life through a pipe, and keeps the other end of that pipe open itself: a
process that is killed at the wrong moment is then waited for until the health check times out (60 s
here). With that end closed the pipe tells of the death.
"""

from uvicorn.config import Config
from uvicorn.supervisors import Multiprocess


class Supervisor(Multiprocess):
    """Starts the processes, and another one in place of each that dies."""

    def keep_subprocess_alive(self) -> None:
        """Look after the processes; called twice a second."""
        for process in self.processes:
            process.child_conn.close()  # the process has its own; closing it again does nothing
        super().keep_subprocess_alive()


def supervise(config: Config) -> None:
    """Bind the port, and serve in ``config.workers`` processes until a signal ends them."""
    Supervisor(config, sockets=[config.bind_socket()]).run()

"""uvicorn's supervisor of several server processes, but for two things when one of them has died.

It asks each for a sign of life through a pipe, and keeps the other end of that pipe open itself: a
process that is killed at the wrong moment is then waited for until the health check times out (60 s
here). With that end closed the pipe tells of the death.

And it gives up, with all the processes that serve, where another one in place of a dead one cannot
start. But those that serve show that the gateway can: what stands in the way now (a full disk, a
database that is out of reach) will go, so that is tried again.
"""

import time

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from dynogate.telemetry.logs import get_logger

log = get_logger(__name__)

_PAUSE_SEC = 1.0  # before the next try to start a process; each costs a second of CPU time


class Supervisor(Multiprocess):
    """Starts the processes, and another one in place of each that dies.

    Attributes:
        started: whether none of the first ones failed to start.
    """

    started = True

    def init_processes(self) -> None:
        """Start the first processes."""
        super().init_processes()
        self._first = frozenset(self.processes)

    def keep_subprocess_alive(self) -> None:
        """Look after the processes; called twice a second."""
        for at, process in enumerate(self.processes):
            process.child_conn.close()  # the process has its own; closing it again does nothing
            if process.is_alive(timeout=self.config.timeout_worker_healthcheck):
                continue
            process.kill()  # if it hangs
            process.join()
            if process.exitcode == STARTUP_FAILURE and process in self._first:
                log.error("a server process could not start", pid=process.pid)
                self.started = False
                self.should_exit.set()
                return
            log.error("a server process has died", pid=process.pid, exit_code=process.exitcode)
            if process.exitcode is not None and process.exitcode >= 0:  # it ended by itself
                time.sleep(_PAUSE_SEC)
            another = Process(self.config, self.sockets)
            another.start()
            self.processes[at] = another


def supervise(config: Config) -> bool:
    """Bind the port, and serve in ``config.workers`` processes until a signal ends them.

    Returns:
        Whether they could start.
    """
    supervisor = Supervisor(config, sockets=[config.bind_socket()])
    supervisor.run()
    return supervisor.started

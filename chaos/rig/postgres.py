"""A PostgreSQL of an experiment's or a test session's own: a temporary cluster."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from chaos.rig.ports import free_port
from chaos.rig.processes import Process
from dynogate.errors import RigFailed

_INSTALL_HINT = (
    "PostgreSQL's server programs (initdb, postgres) are not installed. Install the package "
    "'postgresql' (Debian, Ubuntu: apt-get install postgresql; others: see postgresql.org)."
)


class PostgresCluster:
    """A cluster in a temporary directory, on a unix socket and a free loopback port.

    It trusts every connection and flushes nothing: never for data that matter.
    """

    def __init__(self) -> None:
        programs = _find_programs()
        self.directory = Path(tempfile.mkdtemp(prefix="dynogate-pg-"))
        self.port = free_port()
        # initdb and the server refuse to run as root, so root hands them to another user.
        user = "postgres" if os.geteuid() == 0 else None
        if user is not None:
            shutil.chown(self.directory, user)
        env = {"PATH": os.defpath, "LC_ALL": "C"}
        data = self.directory / "data"
        done = subprocess.run(
            [
                *(str(programs / "initdb"), "-D", str(data), "-U", "dynogate", "-A", "trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd=self.directory,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            self.remove()
            raise RigFailed(f"initdb ended with {done.returncode}: {done.stdout}{done.stderr}")
        self.process = Process(
            "postgres",
            [
                *(str(programs / "postgres"), "-D", str(data), "-k", str(self.directory), "-F"),
                *("-p", str(self.port), "-h", "127.0.0.1"),
                *("-c", "full_page_writes=off", "-c", "max_connections=60"),
            ],
            self.directory,
            env,
            user,
        )

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self.process.start(self._answers)

    def stop(self) -> None:
        """Stop the server at once, cutting every connection."""
        if self.process.running:
            self.process.signal(signal.SIGQUIT)  # "immediate": the children clean up shared memory
        self.process.stop()

    def remove(self) -> None:
        """Delete the cluster's files."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str, port: int | None = None) -> str:
        """SQLAlchemy's URL of a database in the cluster, through another port where given."""
        return f"postgresql+psycopg://dynogate@127.0.0.1:{port or self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run a statement in the cluster's own database, outside of a transaction."""
        with psycopg.connect(self._where, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _where(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=dynogate dbname=postgres connect_timeout=2"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._where).close()
        except psycopg.OperationalError:
            return False
        return True


def _find_programs() -> Path:
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    asked = shutil.which("pg_config")
    if asked is not None:
        told = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=True)
        if (Path(told.stdout.strip()) / "initdb").exists():
            return Path(told.stdout.strip())
    # Debian keeps each major version in its own directory, off the PATH.
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]),
    )
    if not installed:
        raise RigFailed(_INSTALL_HINT)
    return installed[-1].parent

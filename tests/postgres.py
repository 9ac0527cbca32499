"""A real PostgreSQL for tests: a temporary cluster, stopped and removed at the end.

Loaded through ``pytest_plugins``. A test that takes `store_url` runs once on SQLite and once on
PostgreSQL; where PostgreSQL is not installed it fails and says what to install.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.ports import free_port

INSTALL_HINT = (
    "PostgreSQL's server programs (initdb, pg_ctl) are not installed. Install the package "
    "'postgresql' (Debian, Ubuntu: apt-get install postgresql; others: see postgresql.org)."
)


class PostgresCluster:
    """A cluster in a temporary directory, on a unix socket and a free loopback port.

    It trusts every connection and flushes nothing: for tests only.
    """

    def __init__(self) -> None:
        self._programs = _find_programs()
        self.directory = Path(tempfile.mkdtemp(prefix="dynogate-pg-"))
        self.port = free_port()
        # initdb and the server refuse to run as root, so root hands them to another user.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self.directory, self._user)
        self._run(
            "initdb",
            *("-D", str(self.directory / "data"), "-U", "dynogate", "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "--no-sync"),
        )

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        options = (
            f"-k {self.directory} -p {self.port} -h 127.0.0.1 -F "
            "-c full_page_writes=off -c max_connections=60"
        )
        data, log = str(self.directory / "data"), str(self.directory / "log")
        self._run("pg_ctl", "start", "-D", data, "-l", log, "-w", "-t", "60", "-o", options)

    def stop(self) -> None:
        """Stop the server at once, cutting every connection."""
        self._run("pg_ctl", "stop", "-D", str(self.directory / "data"), "-m", "immediate", "-w")

    def remove(self) -> None:
        """Delete the cluster's files."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database in the cluster."""
        return f"postgresql+psycopg://dynogate@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        """Run a statement in the cluster's own database, outside of a transaction."""
        where = f"host=127.0.0.1 port={self.port} user=dynogate dbname=postgres"
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        # A file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [str(self._programs / program), *arguments],
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                cwd=self.directory,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=120,
            )
            output.seek(0)
            said = output.read().decode(errors="replace")
        assert done.returncode == 0, f"{program} ended with {done.returncode}: {said}"


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
    assert installed, INSTALL_HINT
    return installed[-1].parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresCluster]:
    """The running cluster of this test session."""
    cluster = PostgresCluster()
    try:
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresCluster) -> str:
    """URL of one database for the whole session; see `fresh_postgres_url` for an empty one."""
    postgres.execute("CREATE DATABASE session")
    return postgres.url("session")


@pytest.fixture
def fresh_postgres_url(postgres: PostgresCluster) -> Iterator[str]:
    """URL of an empty PostgreSQL database, dropped after the test."""
    name = f"t_{secrets.token_hex(6)}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("fresh_postgres_url")
    return url

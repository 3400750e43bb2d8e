"""A PostgreSQL server of the tests, in a temporary folder and on a Unix socket."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from support.eventually import until

USER = "malignancy"
PORT = 5432  # part of the socket's name; nothing listens on the network
DEBIAN = Path("/usr/lib/postgresql")


def _program(name: str) -> str | None:
    found = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return str(found[-1]) if found else shutil.which(name)


def missing_postgres() -> str:
    """Return what is missing to run a server; "" if nothing is."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    if _program("initdb") is None or _program("postgres") is None:
        return "PostgreSQL is not installed (initdb, postgres)"
    return ""


class PostgresServer:
    """Runs within the context; `kill` and `start` make it crash and recover.

    Attributes:
        password: Password of the user.
        folder: Folder with its socket and its files.
    """

    def __init__(self) -> None:
        self.password = f"p w%{secrets.token_hex(8)}"
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        # The server refuses to run as root.
        self._as_user: dict[str, Any] = {}
        if os.getuid() == 0:
            self._as_user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    def __enter__(self) -> "PostgresServer":
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="utf-8")
        secret.chmod(0o644)
        command = [str(_program("initdb")), "-D", str(self.folder / "data"), "-U", USER, "-A"]
        command += ["scram-sha-256", "--pwfile", str(secret), "--no-sync", "-E", "UTF8"]
        subprocess.run(
            [*command, "--locale=C.UTF-8"],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as_user,
        )
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        options = {"listen_addresses": "", "fsync": "off", "unix_socket_directories": self.folder}
        command = [str(_program("postgres")), "-D", str(self.folder / "data"), "-p", str(PORT)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        log = (self.folder / "log.txt").open("ab")
        with log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, **self._as_user
            )
        until(self._is_ready)

    def kill(self) -> None:
        """Kill all processes of the server with SIGKILL, as a crash of the machine would."""
        assert self._process is not None
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for pid in (self._process.pid, *map(int, children)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait(30)
        until(lambda: not any(Path("/proc", each).exists() for each in children))
        (self.folder / "data/postmaster.pid").unlink(missing_ok=True)

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        password = self.password.replace("%", "%25").replace(" ", "%20")
        return f"postgresql://{USER}:{password}@/{database}?host={self.folder}&port={PORT}"

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        self._databases += 1
        name = f"store{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _is_ready(self) -> bool:
        import psycopg

        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log.txt").read_text("utf-8")
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

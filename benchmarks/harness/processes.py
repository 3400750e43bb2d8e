"""Server processes: start on one core, wait until ready, suspend while idle, stop by process id.

Linux only: /proc has a process's children and its memory.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]  # the same core where there is only one
START_SECONDS, STOP_SECONDS = 90, 10


class StartError(Exception):
    """A server did not start. The message ends with its last line of output."""


@dataclass(frozen=True)
class Server:
    """The start command and the readiness probe of a server.

    Attributes:
        name: The name in tables.
        command: The command; "PORT" stands for the port.
        ready: A path that answers 200 when the server is ready.
    """

    name: str
    command: tuple[str, ...]
    ready: str


@contextlib.contextmanager
def on_cores(*cores: int) -> Iterator[None]:
    """Run this thread, and processes started meanwhile, on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Running:
    """A started server, ready for requests.

    Attributes:
        server: The server.
        port: Its port.
        start_seconds: The time from its start to its first 200.
    """

    def __init__(
        self,
        server: Server,
        folder: Path,
        root: Path = ROOT,
        cores: Sequence[int] = (SERVER_CORE,),
    ) -> None:
        """Start the server and wait until it is ready.

        Args:
            server: The server.
            folder: The working folder, which also receives the server's output as a file.
            root: The checkout from which the server imports this project.
            cores: The cores that it may use.

        Raises:
            StartError: The server does not become ready.
        """
        self.server = server
        self.port = _free_port()
        self._log = folder / f"{server.name}.log".replace("/", " ").replace(" ", "-")
        command = [str(self.port) if part == "PORT" else part for part in server.command]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MALIGNANCY_")}
        start = time.perf_counter()
        with self._log.open("wb") as log, on_cores(*cores):
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**clean, "PYTHONPATH": str(root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C stops the benchmark, which stops the server
            )
        try:
            self._wait(start + START_SECONDS)
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.perf_counter() - start

    def _wait(self, deadline: float) -> None:
        while not self._is_ready():
            if self._process.poll() is not None or time.perf_counter() > deadline:
                output = self._log.read_text(errors="replace").strip().splitlines()
                raise StartError("did not start: " + (output[-1] if output else "no output"))
            time.sleep(0.002)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        try:
            connection.request("GET", self.server.ready)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Run the server within the context; it is suspended afterwards, to use no CPU."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.suspend()

    def suspend(self) -> None:
        """Suspend the server."""
        self._signal(signal.SIGSTOP)

    def megabytes(self) -> float:
        """Return the resident memory of the process and its descendants in MB."""
        pages = 0
        for pid in self._family():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_seconds(self) -> float:
        """Return the CPU time of the process and its descendants, in user and system mode."""
        return sum(map(cpu_seconds, self._family()))

    def stop(self) -> None:
        """Stop the process and its descendants: SIGTERM, then SIGKILL."""
        family = self._family()
        self._signal(signal.SIGCONT)
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        for pid, stat in family.items():  # the same process, not a new one with its id
            if _stat(pid)[1:2] == stat[1:2]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _family(self) -> dict[int, tuple[str, ...]]:
        """Return the process and all its descendants: the `_stat` of each process id."""
        stats = {int(path.name): _stat(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
        family, children = {}, {self._process.pid}
        while children:
            family.update({pid: stats[pid] for pid in children if stats.get(pid)})
            children = {pid for pid, stat in stats.items() if stat and int(stat[0]) in children}
        return family


def _stat(pid: int) -> tuple[str, ...]:
    """Return a process's parent and start time; empty when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ()
    return () if fields[0] == "Z" else (fields[1], fields[19])


def cpu_seconds(pid: int) -> float:
    """Return a process's CPU time to the nanosecond; 0 when it has ended.

    /proc has only ticks of 10 ms.
    """
    try:
        return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) does
    except OSError:  # the process has ended
        return 0.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port

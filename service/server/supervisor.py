"""Several processes that serve on one port, each with models of its own."""

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, Final

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE

from service.lifecycle import GRACE_SECONDS, Lifecycle, Phase
from service.observability.log_writer import FLUSH_SECONDS
from service.server.graceful import EXIT_SECONDS
from service.settings import SettingError, Settings

logger = logging.getLogger(__name__)

# A worker that does not answer the supervisor is ended; a busy machine may be slow.
HANG_SECONDS: Final = 30
POLL_SECONDS: Final = 0.5
SHARED_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

RunWorker = Callable[[Settings, socket.socket, Connection], None]


@dataclass(frozen=True)
class Command:
    """What all workers are to do now: how far to stop, and how often they were to reload."""

    phase: Phase = Phase.SERVING
    reloads: int = 0


def control_loop(supervisor: Connection, lifecycle: Lifecycle) -> None:
    """Do as the supervisor tells, in a thread; when it is gone, lifecycle."""
    reloads = 0
    try:
        while True:
            command: Command = supervisor.recv()
            if command.phase > Phase.SERVING:
                lifecycle.all_workers = True
                lifecycle.advance_to(command.phase)
            if command.reloads > reloads:
                reloads = command.reloads
                os.kill(os.getpid(), signal.SIGHUP)
            supervisor.send(None)
    except (EOFError, OSError):
        lifecycle.all_workers = True
        lifecycle.advance_to(Phase.DRAINING)


class Worker:
    """One process that serves. It is told anew only once it has answered, so that nothing piles up
    where it does not.
    """

    def __init__(self, serve: RunWorker, settings: Settings, listener: socket.socket) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_begin, args=(serve, settings, listener, theirs))
        # What comes before it has handlers waits: it would be the end of it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self.pid = self._process.pid or 0
        self.ends = (self.pipe, self._process.sentinel)
        self._sent = Command()
        self._sent_at = monotonic()
        self._answered = True
        self._responsive = False

    @property
    def exit_code(self) -> int | None:
        """None while it lives."""
        return self._process.exitcode

    def send(self, command: Command) -> None:
        """Tell it what is new, or ask whether it is still there; end it if it is not."""
        with suppress(OSError, EOFError):  # it has just ended
            while self.pipe.poll():
                self.pipe.recv()
                self._answered = self._responsive = True
            silent_seconds = monotonic() - self._sent_at
            if not self._answered and silent_seconds > HANG_SECONDS:
                self.kill()
            elif self._answered and (command != self._sent or silent_seconds > POLL_SECONDS):
                self._answered, self._sent, self._sent_at = False, command, monotonic()
                self.pipe.send(command)

    def end_if_new(self) -> None:
        """Do not wait for the start of one that has just begun. Not by force: it may have come
        further in this moment, and then stops as others.
        """
        if not self._responsive:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def reap(self) -> None:
        """What is to do after it has ended."""
        self._process.join()
        self.pipe.close()
        mark_process_dead(self.pid)  # type: ignore[no-untyped-call]


def _begin(
    serve: RunWorker, settings: Settings, listener: socket.socket, command: Connection
) -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGHUP))
    serve(settings, listener, command)


class Supervisor:
    """Keeps so many workers alive, and passes on what signals ask for.

    failed: whether it ended because a worker could not start.
    """

    failed = False

    def __init__(
        self, serve: RunWorker, settings: Settings, listener: socket.socket, lifecycle: Lifecycle
    ) -> None:
        self._serve, self._settings, self._listener = serve, settings, listener
        self._lifecycle = lifecycle
        self._reloads = 0
        self._workers: list[Worker] = []
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C, then return; afterwards those are ignored."""
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGHUP, self._on_hangup)
        logger.info("process %d supervises %d others", os.getpid(), self._settings.workers)
        while not self._lifecycle.stopping:
            self._replace()
            self._broadcast_and_wait()
        # They have it too: they take what waits there, and the last one closes it.
        self._listener.close()
        for worker in self._workers:
            worker.end_if_new()
        longest = GRACE_SECONDS + EXIT_SECONDS + FLUSH_SECONDS
        while self._workers and monotonic() < self._lifecycle.close_at + longest:
            self._broadcast_and_wait()
            self._workers = [each for each in self._workers if each.exit_code is None]
        for worker in self._workers:
            logger.error("worker %d does not end, and is ended", worker.pid)
            worker.kill()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)

    def _on_hangup(self, *_: Any) -> None:
        self._reloads += 1

    def _replace(self) -> None:
        """Start workers, for those that have ended too."""
        for worker in [each for each in self._workers if each.exit_code is not None]:
            self._workers.remove(worker)
            worker.reap()
            if worker.exit_code == STARTUP_FAILURE:
                logger.error("worker %d cannot serve here", worker.pid)
                self.failed = True
                self._lifecycle.advance_to(Phase.CLOSING)
                return
            logger.warning("worker %d has ended, with code %s", worker.pid, worker.exit_code)
        while len(self._workers) < self._settings.workers and not self._lifecycle.stopping:
            self._workers.append(Worker(self._serve, self._settings, self._listener))

    def _broadcast_and_wait(self) -> None:
        """Tell all, and wait a little for a signal, an answer or the end of one."""
        command = Command(self._lifecycle.phase, self._reloads)
        for worker in self._workers:
            worker.send(command)
        wait([self._woken, *(end for each in self._workers for end in each.ends)], POLL_SECONDS)
        with suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass


def serve_by_workers(serve: RunWorker, settings: Settings) -> bool:
    """Serve until SIGTERM or Ctrl-C, then return; whether all went well.

    serve: what each process does. Raises SettingError, and ends the program with code 3 when the
    port is taken.
    """
    lifecycle = Lifecycle(settings.drain_seconds)
    with _shared_folder():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lifecycle.on_signal)
        config = uvicorn.Config("", host=settings.host, port=settings.port, log_config=None)
        supervisor = Supervisor(serve, settings, config.bind_socket(), lifecycle)
        supervisor.run()
        return not supervisor.failed


@contextmanager
def _shared_folder() -> Iterator[None]:
    """A folder where workers leave their metrics; removed at the end."""
    try:
        folder = tempfile.mkdtemp(prefix="malignancy-")
    except OSError:
        rule = "above 1 needs a folder for temporary files; TMPDIR names one"
        raise SettingError("workers", rule) from None
    os.environ[SHARED_FOLDER_VARIABLE] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)

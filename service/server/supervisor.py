"""Supervisor and worker processes that serve on one port, each worker with its own models."""

import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Final

from prometheus_client.multiprocess import mark_process_dead
from uvicorn.config import STARTUP_FAILURE

from service.backoff import Backoff
from service.lifecycle import GRACE_SECONDS, Lifecycle, Phase
from service.observability.log_writer import FLUSH_SECONDS
from service.server.graceful import EXIT_SECONDS
from service.settings import SettingError, Settings

logger = logging.getLogger(__name__)

# Fixed values. A worker that does not answer the supervisor for HANG_SECONDS is killed; the value
# allows for a busy machine.
HANG_SECONDS: Final = 30
POLL_SECONDS: Final = 0.5
MAX_FAILED_STARTS: Final = 8  # in a row, in about 2 minutes
METRICS_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"

RunWorker = Callable[[Settings, list[socket.socket], Connection], None]


def follow_supervisor(supervisor: Connection, lifecycle: Lifecycle) -> None:
    """Follow the phases of the supervisor, in a worker's thread; stop when it is gone.

    Args:
        supervisor: The pipe to the supervisor. Each phase is acknowledged, with True if the server
            has started.
        lifecycle: The lifecycle of the worker.
    """
    try:
        while True:
            lifecycle.advance_to(supervisor.recv())
            supervisor.send(lifecycle.started)
    except (EOFError, OSError):
        lifecycle.advance_to(Phase.DRAINING)


class Worker:
    """A worker process, as the supervisor sees it.

    A phase is sent only after the previous one was acknowledged, so that nothing accumulates in the
    pipe of a worker that hangs.

    Args:
        serve: The function that the worker runs.
        settings: The settings of the service.
        listeners: The listening sockets.

    Attributes:
        ready: True if the worker's server has started.
    """

    def __init__(
        self, serve: RunWorker, settings: Settings, listeners: list[socket.socket]
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, worker_pipe = spawn.Pipe()
        arguments = (serve, settings, listeners, worker_pipe)
        self.process = spawn.Process(target=_run_worker, args=arguments)
        # Signals are blocked until the worker has handlers: they would end it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        worker_pipe.close()
        self.pid = self.process.pid or 0
        self.ready = False
        self._sent = Phase.SERVING
        self._sent_at = monotonic()
        self._acknowledged = True

    def send(self, phase: Phase) -> None:
        """Send a new phase, or the last one as a health check; kill a worker that hangs."""
        self.receive()
        with suppress(OSError):  # the process has just ended
            silent_seconds = monotonic() - self._sent_at
            if not self._acknowledged and silent_seconds > HANG_SECONDS:
                self.process.kill()
            elif self._acknowledged and (phase != self._sent or silent_seconds > POLL_SECONDS):
                self._acknowledged, self._sent, self._sent_at = False, phase, monotonic()
                self.pipe.send(phase)

    def receive(self) -> None:
        """Receive the acknowledgements."""
        with suppress(OSError, EOFError):  # the process has just ended
            while self.pipe.poll():
                self.ready = self.pipe.recv()
                self._acknowledged = True

    def reload(self) -> None:
        """Send SIGHUP, which a worker ignores until it has models to reload."""
        if self.process.exitcode is None:
            os.kill(self.pid, signal.SIGHUP)

    def reap(self) -> None:
        """Release the resources of a process that has ended."""
        self.process.join()
        self.pipe.close()
        mark_process_dead(self.pid)  # type: ignore[no-untyped-call]


def _run_worker(
    serve: RunWorker, settings: Settings, listeners: list[socket.socket], commands: Connection
) -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGHUP))
    serve(settings, listeners, commands)


class Supervisor:
    """Keeps `settings.workers` workers running, and passes on the requests of signals.

    A worker that exits is replaced at once. After one that exits before it is ready, the next one
    starts alone and after a pause; the pauses grow. After `MAX_FAILED_STARTS` such pauses without a
    worker that is ready, the supervisor gives up.

    Args:
        serve: The function that each worker runs.
        settings: The settings of the service.
        listeners: The listening sockets.
        lifecycle: The lifecycle of the supervisor, which the workers follow.
    """

    def __init__(
        self,
        serve: RunWorker,
        settings: Settings,
        listeners: list[socket.socket],
        lifecycle: Lifecycle,
    ) -> None:
        self._serve, self._settings, self._listeners = serve, settings, listeners
        self._lifecycle = lifecycle
        self._failed = False
        self._reload_requested = False
        self._workers: list[Worker] = []
        self._failed_starts = 0  # since a worker became ready
        self._backoff = Backoff()
        self._wakeup_reader, self._wakeup_writer = socket.socketpair()
        for end in (self._wakeup_reader, self._wakeup_writer):
            end.setblocking(False)

    def run(self) -> bool:
        """Supervise until SIGTERM or Ctrl-C and the end of the workers; later signals are ignored.

        The caller installs the handlers of SIGTERM and SIGINT.

        Returns:
            False if the workers could not start.
        """
        signal.set_wakeup_fd(self._wakeup_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGHUP, self._on_hangup)
        logger.info(
            "supervisor_started", extra={"pid": os.getpid(), "workers": self._settings.workers}
        )
        while not self._lifecycle.stopping:
            self._replace_workers()
            self._broadcast_and_wait()
        for listener in self._listeners:  # the last of the workers closes the port
            listener.close()
        for worker in self._workers:
            worker.process.terminate()  # ends it if it is starting, else begins its drain
        max_seconds = GRACE_SECONDS + EXIT_SECONDS + FLUSH_SECONDS
        while self._workers and monotonic() < self._lifecycle.close_at + max_seconds:
            self._broadcast_and_wait()
            self._workers = [each for each in self._workers if each.process.exitcode is None]
        for worker in self._workers:
            logger.error("worker_killed", extra={"worker_pid": worker.pid})
            worker.process.kill()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        return not self._failed

    def _on_hangup(self, *_: Any) -> None:
        self._reload_requested = True

    def _replace_workers(self) -> None:
        """Reap the workers that have ended, and start workers up to the configured number."""
        for worker in [each for each in self._workers if each.process.exitcode is not None]:
            self._workers.remove(worker)
            worker.receive()
            worker.reap()
            exit_code = worker.process.exitcode
            if exit_code == STARTUP_FAILURE:
                logger.error("worker_startup_failed", extra={"worker_pid": worker.pid})
                self._give_up()
                return
            logger.warning(
                "worker_exited", extra={"worker_pid": worker.pid, "exit_code": exit_code}
            )
            if not worker.ready:
                self._record_failed_start()
        while self._may_start() and not self._lifecycle.stopping:
            try:
                self._workers.append(Worker(self._serve, self._settings, self._listeners))
            except OSError as error:  # such as the limit on processes
                logger.error("worker_startup_failed", extra={"error": str(error)})
                self._record_failed_start()

    def _may_start(self) -> bool:
        """Return True if a worker is missing and, after failed starts, it is time for a try."""
        if len(self._workers) >= self._settings.workers:
            return False
        if not self._failed_starts:
            return True
        return self._backoff.due and all(each.ready for each in self._workers)

    def _record_failed_start(self) -> None:
        if self._failed_starts and not self._backoff.due:
            return  # one of several workers that were started together
        self._failed_starts += 1
        self._backoff.record(failed=True)
        if self._failed_starts >= MAX_FAILED_STARTS and not any(w.ready for w in self._workers):
            logger.error("workers_cannot_start", extra={"failed_starts": self._failed_starts})
            self._give_up()

    def _give_up(self) -> None:
        self._failed = True
        self._lifecycle.advance_to(Phase.CLOSING)

    def _broadcast_and_wait(self) -> None:
        """Send the phase to all workers, and wait up to `POLL_SECONDS` for an event.

        An event is a signal, an acknowledgement or the end of a worker.
        """
        for worker in self._workers:
            was_ready = worker.ready
            worker.send(self._lifecycle.phase)
            if worker.ready and not was_ready:
                self._failed_starts = 0
                self._backoff.record(failed=False)
        if self._reload_requested:
            self._reload_requested = False
            for worker in self._workers:
                worker.reload()
        pipes = [worker.pipe for worker in self._workers]
        sentinels = [worker.process.sentinel for worker in self._workers]
        wait([self._wakeup_reader, *pipes, *sentinels], POLL_SECONDS)
        with suppress(BlockingIOError):
            while self._wakeup_reader.recv(4096):
                pass


def serve_with_workers(
    serve: RunWorker, settings: Settings, listeners: list[socket.socket]
) -> bool:
    """Serve with several worker processes until SIGTERM or Ctrl-C.

    Args:
        serve: The function that each worker runs.
        settings: The settings of the service.
        listeners: The listening sockets.

    Returns:
        False if the workers could not start.

    Raises:
        SettingError: There is no folder for temporary files.
    """
    try:  # the folder in which workers share their metrics
        metrics = TemporaryDirectory(prefix="malignancy-", ignore_cleanup_errors=True)
    except OSError:
        rule = "above 1 needs a folder for temporary files; TMPDIR names one"
        raise SettingError("workers", rule) from None
    with metrics as folder:
        os.environ[METRICS_FOLDER_VARIABLE] = folder
        lifecycle = Lifecycle(settings.drain_seconds)
        lifecycle.follow_signals()
        return Supervisor(serve, settings, listeners, lifecycle).run()

"""Several processes that serve on one port, each with models of its own."""

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from uvicorn.supervisors import Multiprocess

from service.settings import PREFIX, SettingError, Settings

# A worker that does not answer the supervisor is ended; a busy machine may be slow.
PATIENCE_SECONDS = 30
SHARED_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class Workers(Multiprocess):
    """uvicorn's supervisor, which on SIGHUP has each worker take over what has changed, where
    uvicorn's own ends the processes and starts others.

    failed: whether it ended because a worker could not start.
    """

    failed = False

    def handle_hup(self) -> None:
        """Pass SIGHUP on. A worker that is just starting has no handler yet, which would be its
        end; it reads what there is now."""
        for process in self.processes:
            if process.is_ready() and process.pid is not None:
                os.kill(process.pid, signal.SIGHUP)

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended."""
        before, stopping = list(self.processes), self.should_exit.is_set()
        super().keep_subprocess_alive()
        for process in before:
            if process not in self.processes:
                mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
        self.failed = self.should_exit.is_set() and not stopping


def serve_by_workers(config: uvicorn.Config, settings: Settings) -> bool:
    """Serve until SIGTERM or Ctrl-C, then return; whether all went well.

    The config's app is an import string of a factory, which reads its settings from the
    environment. Raises SettingError, and ends the program with code 3 when the port is taken.
    """
    with _shared_folder():
        os.environ.update(as_environment(settings))
        workers = Workers(config, [config.bind_socket()])
        workers.run()
        return not workers.failed


def end_with_the_parent() -> None:
    """Have this worker process stop when the one that started it was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables that give these settings; an empty one is as good as none."""
    return {
        f"{PREFIX}{name.upper()}": "" if value is None else str(value)
        for name, value in settings.model_dump().items()
    }


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

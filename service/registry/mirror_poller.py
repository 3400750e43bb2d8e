"""Keeps the local copy of artifacts in an object store up to date, outside of the event loop."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep, time
from typing import Final

from model.artifacts.location import Location, name_of
from model.artifacts.mirror import CACHE_VARIABLE, Mirror
from model.artifacts.remote import require_pyarrow
from model.errors import ArtifactError, MalignancyError, ObjectStoreError
from service.background import report_failure
from service.backoff import Backoff

logger = logging.getLogger(__name__)

# Fixed values.
POLL_SECONDS: Final = 10.0
MAX_START_SECONDS: Final = 300.0  # of a start without a usable copy
MAX_START_WITH_COPY_SECONDS: Final = 10.0
MAX_UNREAD_SECONDS: Final = 60.0  # without a word of the health check
LOCK_SECONDS: Final = 0.1


class MirrorPoller:
    """Copies the artifacts at a URI at the start, and compares them with the store from then on.

    A store that is slow or lost stops nothing: the copies of the last time are served, and
    `problem` says so.

    Args:
        uri: URI of an artifact or a folder of versions.
        cache: Folder of all copies; None for the default.

    Attributes:
        path: Local path of the copy.

    Raises:
        ArtifactError: The URI is not valid, or pyarrow is missing.
    """

    def __init__(self, uri: str, cache: Path | None = None) -> None:
        try:
            require_pyarrow(uri)
            self._mirror = Mirror(uri, cache)
        except ObjectStoreError as error:
            raise ArtifactError(str(error)) from None
        self.path = self._mirror.path
        self._reason: str | None = None
        self._since = time()
        self._backoff = Backoff()
        self._woken, self._stopped = threading.Event(), threading.Event()

    @property
    def problem(self) -> str | None:
        """The reason why the copy may be older than the store; None without one."""
        unread_seconds = time() - max(self._mirror.copied_at or 0.0, self._since)
        if self._reason is not None:
            return f"its files may be older than its object store: {self._reason}"
        if unread_seconds > MAX_UNREAD_SECONDS:
            return f"its object store was last read {unread_seconds:.0f} s ago"
        return None

    def copy_first(self) -> None:
        """Copy the artifacts, or be content with an older copy if the store does not answer.

        Raises:
            ArtifactError: There is no copy, and the store cannot be read.
        """
        seconds = MAX_START_WITH_COPY_SECONDS if self._mirror.is_usable else MAX_START_SECONDS
        ended = threading.Event()
        arguments = (monotonic() + seconds, ended)
        threading.Thread(
            target=self._copy_until, args=arguments, name="mirror", daemon=True
        ).start()
        if not ended.wait(seconds):
            self._failed("the object store does not answer")
        if self._reason is not None and not self._mirror.is_usable:
            raise ArtifactError(f"{self._mirror.uri}: {self._reason}")

    def wake(self) -> None:
        """Compare with the store at once."""
        self._woken.set()

    @contextmanager
    def polling(self) -> Iterator[None]:
        """Compare with the store every `POLL_SECONDS` within the context."""
        threading.Thread(target=self._poll, name="mirror", daemon=True).start()
        try:
            yield
        finally:
            self._stopped.set()
            self._woken.set()

    def _poll(self) -> None:
        delay = POLL_SECONDS
        while True:
            forced = self._woken.wait(delay)
            if self._stopped.is_set():
                return
            self._woken.clear()
            self._copy(0.0 if forced else POLL_SECONDS / 2)
            delay = POLL_SECONDS
            if self._reason is not None:
                delay = max(delay, self._backoff.record(failed=True))

    def _copy_until(self, ends_at: float, ended: threading.Event) -> None:
        """Copy as soon as no other process does.

        Args:
            ends_at: Monotonic time after which another process is no longer waited for.
            ended: Set when the copy is made, or has failed.
        """
        while not self._copy(0.0) and self._reason is None:
            if monotonic() >= ends_at:
                return
            sleep(LOCK_SECONDS)
        ended.set()

    def _copy(self, max_age_seconds: float) -> bool:
        """Copy, and record the outcome.

        Args:
            max_age_seconds: As `Mirror.copy`.

        Returns:
            True if the copy was compared with the store.
        """
        try:
            is_compared = self._mirror.copy(max_age_seconds)
        except MalignancyError as error:
            self._failed(str(error).removeprefix(f"{self._mirror.uri}: "))
            return False
        except OSError as error:  # without the path of the cache, which the health check would show
            text = f"the local copy cannot be written: {error.strerror}; see {CACHE_VARIABLE}"
            self._failed(text)
            return False
        except Exception:
            report_failure("artifact_mirror")
            self._failed("an unexpected error")
            return False
        unread_seconds = time() - (self._mirror.copied_at or 0.0)
        if is_compared or 0 <= unread_seconds < POLL_SECONDS:
            self._backoff.reset()
            if self._reason is not None:
                self._reason = None
                logger.info("artifact_store_recovered", extra={"path": name_of(self._mirror.uri)})
        return is_compared

    def _failed(self, reason: str) -> None:
        if self._reason != reason:
            self._reason = reason
            extra = {"path": name_of(self._mirror.uri), "error": reason}
            logger.warning("artifact_store_failed", extra=extra)


def local_files(location: Location, cache: Path | None) -> tuple[Path, MirrorPoller | None]:
    """Return the local path of a location, and what copies its files; None for local files.

    Args:
        location: A path, or a URI, whose artifacts are copied.
        cache: Folder of all copies; None for the default.

    Raises:
        ArtifactError: A URI is not valid, or there is no copy and its store cannot be read.
    """
    if isinstance(location, Path):
        return location, None
    poller = MirrorPoller(location, cache)
    poller.copy_first()
    return poller.path, poller


@contextmanager
def polling_all(pollers: Sequence[MirrorPoller]) -> Iterator[None]:
    """Keep several copies up to date within the context."""
    if not pollers:
        yield
        return
    with pollers[0].polling(), polling_all(pollers[1:]):
        yield

"""Model whose versions are files, reloaded when the files change."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.artifacts import artifact
from model.artifacts.artifact import Check
from model.artifacts.repository import POINTER, artifacts_in, current_artifact, signature_of
from model.errors import ArtifactError, bounded
from model.prediction.predictor import Predictor
from service.backoff import Backoff
from service.registry.mirror_poller import MirrorPoller
from service.registry.model_version import ModelVersion
from service.registry.registry import Model
from service.settings import SettingError

logger = logging.getLogger(__name__)

MakeVersion = Callable[[Predictor], ModelVersion]
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Loaded:
    """Versions found at a path.

    Attributes:
        current: Active version.
        files: Every loaded version by file.
        skipped: Error of each file that could not be loaded.
    """

    current: ModelVersion
    files: dict[tuple[Path, Stamp], ModelVersion]
    skipped: dict[Path, str]


class ReloadableModel(Model):
    """Named model whose versions are artifacts at a path, a file or a folder.

    `model.artifacts.repository` defines the folder.

    Args:
        path: Artifact file or folder.
        make_version: Function that creates a version of a loaded artifact.
        check: Function of an artifact's path and bytes that raises ArtifactError for an artifact
            that is not trusted.
        mirror: Copies the files at the path from an object store; None for local files.

    Raises:
        ArtifactError: The active version cannot be loaded.
        SettingError: The settings do not fit the active version.
    """

    def __init__(
        self,
        path: Path,
        make_version: MakeVersion,
        check: Check | None = None,
        mirror: MirrorPoller | None = None,
    ) -> None:
        self._path, self._make_version, self._check = path, make_version, check
        self._mirror = mirror
        self._backoff = Backoff()
        self._seen = self._scan()
        self._loaded = self._load(None)
        self._backoff.record(failed=bool(self._loaded.skipped))
        super().__init__(self._loaded.current)

    @property
    def versions(self) -> list[ModelVersion]:
        """All versions, each once, the active one first."""
        return list({each.title: each for each in self._loaded.files.values()}.values())

    @property
    def problems(self) -> Iterator[str]:
        """What may keep the active version from being the newest one."""
        yield from super().problems
        if self._mirror is not None and self._mirror.problem is not None:
            yield self._mirror.problem

    def refresh(self) -> None:
        if self._mirror is not None:
            self._mirror.wake()

    def changed(self) -> bool:
        """Return True if the files differ from the last load, or a failed load is to be retried.

        A load may have failed because of the disk and not of the file.
        """
        return self._backoff.due or self._scan() != self._seen

    def reload(self) -> bool:
        """Load the current files beside the active version, then replace it in one assignment.

        If loading fails, the active version does not change. `failure` and the log give the
        reason; the log gives it once.

        Returns:
            True if another version is active afterwards.
        """
        seen, before, failure = self._scan(), self.current, self.failure
        if seen != self._seen:
            self._seen = seen
            self._backoff.reset()
        try:
            self._loaded = self._load(self._loaded)
        except (ArtifactError, SettingError, OSError) as error:
            self._backoff.record(failed=True)
            # The health check shows the failure to clients: without the path of the folder.
            self.failure = bounded(str(error).replace(f"{self._path.parent}{os.sep}", ""))
            if self.failure != failure:
                logger.error(
                    "model_reload_failed", extra={"model": before.title, "error": str(error)}
                )
            return False
        self._backoff.record(failed=bool(self._loaded.skipped))
        self.failure = None
        self.current = self._loaded.current
        if self.current.title == before.title:
            if failure is not None:
                logger.info("model_reload_recovered", extra={"model": before.title})
            return False
        logger.info("model_reloaded", extra={"model": self.current.title, "previous": before.title})
        return True

    def _load(self, before: _Loaded | None) -> _Loaded:
        """Load all files that have changed since `before`.

        A version that is not the active one may fail to load; it is skipped and logged.
        """
        active = current_artifact(self._path)
        files: dict[tuple[Path, Stamp], ModelVersion] = {}
        skipped: dict[Path, str] = {}
        for file in {active: None, **dict.fromkeys(artifacts_in(self._path))}:
            try:
                key = file, _stamp(file)
                known = before.files.get(key) if before is not None else None
                files[key] = known or self._read(file, before)
            except (ArtifactError, SettingError, OSError) as error:
                if file == active:
                    raise
                skipped[file] = str(error)
                if before is None or before.skipped.get(file) != str(error):
                    logger.warning(
                        "model_version_skipped",
                        extra={"path": self._path.name, "error": str(error)},
                    )
        return _Loaded(next(iter(files.values())), files, skipped)

    def _read(self, file: Path, before: _Loaded | None) -> ModelVersion:
        predictor = artifact.load(file, self._check)
        predictor.replay_self_test()
        if before is not None and predictor.name != before.current.predictor.name:
            name = before.current.predictor.name
            raise ArtifactError(f"{file.name}: the name of the model must be {name!r}")
        version = self._make_version(predictor)
        version.path = file
        return version

    def _scan(self) -> dict[Path, Stamp]:
        """Return the stamp of each file at the path, which differs after a change."""
        try:
            files = artifacts_in(self._path)
        except ArtifactError:
            files = []  # an unreadable folder; _load raises its error
        signatures = [signature_of(file) for file in files]
        return {file: _stamp(file) for file in (*files, *signatures, self._path / POINTER)}


def _stamp(file: Path) -> Stamp:
    """Return inode, modification time and size of a file; zeros if it does not exist."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size

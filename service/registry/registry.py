"""Registry of the models in service: by name, in one or more versions, reloaded at run time."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.artifacts import artifact
from model.artifacts.artifact import Check
from model.artifacts.repository import POINTER, artifacts_in, current_artifact, signature_of
from model.errors import ArtifactError
from model.prediction.predictor import Predictor
from service.problems import Problem
from service.registry.backoff import Backoff
from service.registry.model_version import ModelVersion
from service.settings import SettingError

logger = logging.getLogger(__name__)

MIN_VERSION_DIGITS = 12  # of a version in a path; answers give as many digits

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


class Model:
    """Named model with one version that does not change.

    Args:
        current: The version.

    Attributes:
        current: Active version.
        name: Name of the model.
        failure: Error of the last reload; None if it succeeded.
    """

    def __init__(self, current: ModelVersion) -> None:
        self.current = current
        self.name = current.predictor.name
        self.failure: str | None = None

    @property
    def versions(self) -> list[ModelVersion]:
        """All versions, the active one first."""
        return [self.current]

    def changed(self) -> bool:
        """Return True if a reload should be attempted."""
        return False

    def reload(self) -> bool:
        """Load what has changed, and return True if another version is active afterwards."""
        return False


class ReloadableModel(Model):
    """Named model whose versions are artifacts at a path, a file or a folder.

    `model.artifacts.repository` defines the folder.

    Args:
        path: Artifact file or folder.
        make_version: Function that creates a version of a loaded artifact.
        check: Function of an artifact's path and bytes that raises ArtifactError for an artifact
            that is not trusted.

    Raises:
        ArtifactError: The active version cannot be loaded.
        SettingError: The settings do not fit the active version.
    """

    def __init__(self, path: Path, make_version: MakeVersion, check: Check | None = None) -> None:
        self._path, self._make_version, self._check = path, make_version, check
        self._backoff = Backoff()
        self._seen = self._scan()
        self._loaded = self._load(None)
        self._backoff.record(failed=bool(self._loaded.skipped))
        super().__init__(self._loaded.current)

    @property
    def versions(self) -> list[ModelVersion]:
        """All versions, each once, the active one first."""
        return list({each.title: each for each in self._loaded.files.values()}.values())

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
            self.failure = str(error).replace(f"{self._path.parent}{os.sep}", "")
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
        return self._make_version(predictor)

    def _scan(self) -> dict[Path, Stamp]:
        """Return the stamp of each file at the path, which differs after a change."""
        try:
            files = artifacts_in(self._path)
        except ArtifactError:
            files = []  # an unreadable folder; _load raises its error
        signatures = [signature_of(file) for file in files]
        return {file: _stamp(file) for file in (*files, *signatures, self._path / POINTER)}


class ModelRegistry:
    """All models in service by name; the first is the default model.

    Args:
        models: At least one model.

    Attributes:
        by_name: The models by name.

    Raises:
        SettingError: Two models have the same name.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        self._default = models[0]
        self.by_name = {model.name: model for model in models}
        if len(self.by_name) < len(models):
            raise SettingError("extra_artifacts", "must hold models of different names")

    @property
    def default(self) -> ModelVersion:
        """Active version of the default model."""
        return self._default.current

    @property
    def titles(self) -> set[str]:
        """Titles of all loaded versions."""
        return {
            model_version.title
            for model in self.by_name.values()
            for model_version in model.versions
        }

    def describe(self) -> dict[str, Any]:
        """Return the answer of GET /models: names and versions, the default model first."""
        return {
            "models": [
                {
                    "name": model.name,
                    "version": model.current.predictor.version,
                    "versions": [each.predictor.version for each in model.versions],
                }
                for model in self.by_name.values()
            ]
        }

    def describe_health(self) -> dict[str, Any]:
        """Return the active versions and, by model, the errors of failed reloads."""
        failures = {name: model.failure for name, model in self.by_name.items() if model.failure}
        return {
            "model": self.default.title,
            "models": [model.current.title for model in self.by_name.values()],
            **({"failures": failures} if failures else {}),
        }

    def find(self, name: str | None = None, version: str | None = None) -> ModelVersion:
        """Return a version of a model.

        Args:
            name: Name of the model; by default the default model.
            version: First `MIN_VERSION_DIGITS` or more digits of the version's digest; by default
                the active version.

        Returns:
            The version.

        Raises:
            Problem: 404, because there is no such model or version.
        """
        model = self._default if name is None else self.by_name.get(name)
        if model is None:
            raise Problem(404, "There is no model of this name.")
        if version is None:
            return model.current
        if len(version) >= MIN_VERSION_DIGITS:
            for model_version in model.versions:
                if model_version.predictor.version.startswith(version):
                    return model_version
        raise Problem(404, "There is no version of this model with this digest.")


def _stamp(file: Path) -> Stamp:
    """Return inode, modification time and size of a file; zeros if it does not exist."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size

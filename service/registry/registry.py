"""The models in service, by name, each in one or more versions that may change while it serves."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

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

MIN_VERSION_DIGITS = 12  # digits of a version that name it, as every answer gives them

MakeVersion = Callable[[Predictor], ModelVersion]
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Loaded:
    """What was found at a path: every version that could be loaded, the one in force, and why
    others could not be.
    """

    current: ModelVersion
    files: dict[tuple[Path, Stamp], ModelVersion]
    left_out: dict[Path, str]


class Model:
    """One named model, in one version that stays.

    failure: why the last reload failed, in words, or None.
    """

    def __init__(self, current: ModelVersion) -> None:
        self.current = current
        self.name = current.predictor.name
        self.failure: str | None = None

    @property
    def versions(self) -> list[ModelVersion]:
        """All versions, the one in force first."""
        return [self.current]

    def changed(self) -> bool:
        """Whether it would be another after a reload."""
        return False

    def reload(self) -> bool:
        """Take over what has changed; whether the version in force is another one then."""
        return False


class ReloadableModel(Model):
    """The versions at a path: a file or a folder (see `model.artifacts.repository`).

    serve: makes of a predictor what is served. check: is told each artifact's path and bytes, and
    raises ArtifactError for one that is not to be trusted. Raises ArtifactError, SettingError when
    there is nothing to begin with.
    """

    def __init__(self, path: Path, serve: MakeVersion, check: Check | None = None) -> None:
        self._path, self._serve, self._check = path, serve, check
        self._backoff = Backoff()
        self._seen = self._look()
        self._loaded = self._load(None)
        self._backoff.record(failed=bool(self._loaded.left_out))
        super().__init__(self._loaded.current)

    @property
    def versions(self) -> list[ModelVersion]:
        """All versions, each once, the one in force first."""
        return list({each.title: each for each in self._loaded.files.values()}.values())

    def changed(self) -> bool:
        """Whether the files are others than when it was last loaded, or tried to be; or that
        failed, and it is time to try again: it may have been the disk.
        """
        return self._backoff.due or self._look() != self._seen

    def reload(self) -> bool:
        """Load aside what is there now, and swap it in at once; whether the version in force is
        another one then.

        On any failure all stays as it was: `failure` and the log say why, the log once.
        """
        seen, before, failure = self._look(), self.current, self.failure
        if seen != self._seen:
            self._seen = seen
            self._backoff.reset()
        try:
            self._loaded = self._load(self._loaded)
        except (ArtifactError, SettingError, OSError) as error:
            self._backoff.record(failed=True)
            self.failure = str(error).replace(f"{self._path.parent}{os.sep}", "")  # it is shown
            if self.failure != failure:
                logger.error(
                    "model_reload_failed", extra={"model": before.title, "error": str(error)}
                )
            return False
        self._backoff.record(failed=bool(self._loaded.left_out))
        self.failure = None
        self.current = self._loaded.current
        if self.current.title == before.title:
            if failure is not None:
                logger.info("model_reload_recovered", extra={"model": before.title})
            return False
        logger.info("model_reloaded", extra={"model": self.current.title, "previous": before.title})
        return True

    def _load(self, before: _Loaded | None) -> _Loaded:
        """Unchanged files are not read again. Another version than the one in force may be broken:
        that is logged.
        """
        wanted = current_artifact(self._path)
        files: dict[tuple[Path, Stamp], ModelVersion] = {}
        left_out: dict[Path, str] = {}
        for file in {wanted: None, **dict.fromkeys(artifacts_in(self._path))}:
            try:
                key = file, _stamp(file)
                known = before.files.get(key) if before is not None else None
                files[key] = known or self._read(file, before)
            except (ArtifactError, SettingError, OSError) as error:
                if file == wanted:
                    raise
                left_out[file] = str(error)
                if before is None or before.left_out.get(file) != str(error):
                    logger.warning(
                        "model_version_skipped",
                        extra={"path": self._path.name, "error": str(error)},
                    )
        return _Loaded(next(iter(files.values())), files, left_out)

    def _read(self, file: Path, before: _Loaded | None) -> ModelVersion:
        predictor = artifact.load(file, self._check)
        predictor.replay_self_test()
        if before is not None and predictor.name != before.current.predictor.name:
            name = before.current.predictor.name
            raise ArtifactError(f"{file.name}: it is a model of another name than {name!r}")
        return self._serve(predictor)

    def _look(self) -> dict[Path, Stamp]:
        """What tells whether anything at the path has changed."""
        try:
            files = artifacts_in(self._path)
        except ArtifactError:
            files = []  # a folder that cannot be read now: loading it tells why
        signatures = [signature_of(file) for file in files]
        return {file: _stamp(file) for file in (*files, *signatures, self._path / POINTER)}


class ModelRegistry:
    """All models in service; the first is the default. Raises SettingError if two share a name."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._default = models[0]
        self.by_name = {model.name: model for model in models}
        if len(self.by_name) < len(models):
            raise SettingError("extra_artifacts", "must hold models of different names")

    @property
    def default(self) -> ModelVersion:
        """The version in force of the default model."""
        return self._default.current

    @property
    def titles(self) -> set[str]:
        """Of every version that is loaded."""
        return {
            model_version.title
            for model in self.by_name.values()
            for model_version in model.versions
        }

    def find(self, name: str | None = None, version: str | None = None) -> ModelVersion:
        """A model by name, and a version by the first 12 or more digits of its digest; without
        them the default model, the version in force. Raises Problem (404).
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
    """What differs after a file was replaced or written to; zeros where there is none."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_mtime_ns, found.st_size

"""Registry of the models in service, by name, each with one or more versions."""

import math
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, Final

from service.problems import Problem
from service.registry.canary import Canary
from service.registry.model_version import ModelVersion
from service.registry.reports import has_report
from service.request_context import RequestContext
from service.settings import SettingError

MIN_VERSION_DIGITS = 12  # of a version in a path; answers give as many digits
# Without a check of its files for this time, a model may be out of date; fixed.
MAX_UNCHECKED_SECONDS: Final = 30.0


class Model:
    """Named model with one version that does not change.

    Args:
        current: The version.

    Attributes:
        current: Active version.
        name: Name of the model.
        failure: Error of the last reload; None if it succeeded.
        checked_at: Time of the last check for changed files, on the monotonic clock; infinity
            before the checks begin.
    """

    def __init__(self, current: ModelVersion) -> None:
        self.current = current
        self.name = current.predictor.name
        self.failure: str | None = None
        self.checked_at = math.inf

    @property
    def versions(self) -> list[ModelVersion]:
        """All versions, the active one first."""
        return [self.current]

    @property
    def problems(self) -> Iterator[str]:
        """What may keep the active version from being the newest one."""
        if self.failure is not None:
            yield self.failure
        unchecked_seconds = monotonic() - self.checked_at
        if unchecked_seconds > MAX_UNCHECKED_SECONDS:
            yield f"its files were last checked {unchecked_seconds:.0f} s ago"

    def refresh(self) -> None:
        """Begin to copy files from elsewhere, without waiting for the end."""

    def changed(self) -> bool:
        """Return True if a reload should be attempted."""
        return False

    def reload(self) -> bool:
        """Load what has changed, and return True if another version is active afterwards."""
        return False


class ModelRegistry:
    """All models in service by name; the first is the default model.

    Args:
        models: At least one model.
        canary: Chooses another version for some requests; None for the active version always.

    Attributes:
        by_name: The models by name.

    Raises:
        SettingError: Two models have the same name, or no model has the canary version.
    """

    def __init__(self, models: Sequence[Model], canary: Canary | None = None) -> None:
        if canary is not None and not any(
            canary.version_among(model.current, model.versions) for model in models
        ):
            raise SettingError(
                "canary", "must name a version beside an active one, with the same features"
            )
        self._canary = canary
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
        """Return the answer of GET /models: names, versions and reports of all models."""
        return {
            "models": [
                {
                    "name": model.name,
                    "version": model.current.predictor.version,
                    "versions": [each.predictor.version for each in model.versions],
                    "has_report": has_report(model.current),
                }
                for model in self.by_name.values()
            ]
        }

    def describe_health(self) -> dict[str, Any]:
        """Return the active versions and, by model, why a newer one may not be active."""
        problems = {name: "; ".join(model.problems) for name, model in self.by_name.items()}
        failures = {name: text for name, text in problems.items() if text}
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
        model = self._find_model(name)
        if version is None:
            return model.current
        if len(version) >= MIN_VERSION_DIGITS:
            for model_version in model.versions:
                if model_version.predictor.version.startswith(version):
                    return model_version
        raise Problem(404, "There is no version of this model with this digest.")

    def find_to_predict(
        self, request: RequestContext, name: str | None = None, version: str | None = None
    ) -> ModelVersion:
        """Return the version that answers a request for predictions.

        Args:
            request: The request, by which a canary version is chosen.
            name: Name of the model; by default the default model.
            version: As in `find`; a named version is never replaced.

        Returns:
            The version.

        Raises:
            Problem: 404, because there is no such model or version.
        """
        if self._canary is None or version is not None:
            return self.find(name, version)
        model = self._find_model(name)
        return self._canary.choose(model.current, lambda: model.versions, request)

    def _find_model(self, name: str | None) -> Model:
        model = self._default if name is None else self.by_name.get(name)
        if model is None:
            raise Problem(404, "There is no model of this name.")
        return model

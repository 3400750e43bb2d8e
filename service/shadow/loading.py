"""Loading of the shadow versions that the setting `shadow` names."""

from model.artifacts import artifact
from model.artifacts.artifact import Check
from model.artifacts.repository import current_artifact
from model.prediction.predictor import Predictor
from service.registry.mirror_poller import local_files
from service.settings import SettingError, Settings


def load_shadows(settings: Settings, check: Check) -> dict[str, Predictor]:
    """Return the shadow versions by name of the model, after their self-tests passed.

    Args:
        settings: Settings with `shadow`.
        check: Check of the bytes of artifacts.

    Raises:
        ArtifactError: An artifact cannot be loaded.
        SettingError: There is no store, or an artifact is of another model.
    """
    if settings.store is None:
        raise SettingError("shadow", "needs the setting store, which keeps the predictions")
    found = {}
    for name, location in settings.shadows.items():
        path, _ = local_files(location, settings.artifact_cache)
        predictor = artifact.load(current_artifact(path), check)
        predictor.replay_self_test()
        if predictor.name != name:
            raise SettingError("shadow", "must name the model of each artifact")
        found[name] = predictor
    return found

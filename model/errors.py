"""Every error this package raises on purpose.

MalignancyError
├── RecipeError        a recipe cannot be used
├── DataError          a table, or a row of one, does not fit its schema or recipe
├── NetworkError       layers, shapes or values that a network cannot take
├── TrainingError      a training that cannot go on
├── ArtifactError      a file that is not an artifact, or not one this version reads
└── SigningError       a key that cannot be used, or no package to use it
"""


class MalignancyError(Exception):
    """Anything this package refuses; its text is meant for the person who asked."""


class RecipeError(MalignancyError):
    """A recipe cannot be used: which key, and which rule it breaks."""


class DataError(MalignancyError):
    """A table, or a row of one, does not fit its schema or recipe."""


class NetworkError(MalignancyError, ValueError):
    """Layers, shapes or values that a network cannot take: which, what was expected, what came."""


class TrainingError(MalignancyError):
    """A training that cannot go on: at which step, and why."""


class ArtifactError(MalignancyError):
    """A file that is not an artifact, or not one this version reads."""


class SigningError(MalignancyError):
    """A key that cannot be used, or no package to use it."""

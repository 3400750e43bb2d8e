"""Exceptions that this package raises deliberately.

MalignancyError
├── RecipeError        a recipe is invalid
├── DataError          a table or row does not match its schema or recipe
├── NetworkError       layers, shapes or values are invalid for a network
├── TrainingError      a training cannot continue
├── ArtifactError      a file is not an artifact that this version reads
└── SigningError       a signing key is unusable, or the extra `signing` is missing
"""


class MalignancyError(Exception):
    """Base class of all errors of this package. Its text is written for the user."""


class RecipeError(MalignancyError):
    """A recipe is invalid. The text names the key and the rule that it breaks."""


class DataError(MalignancyError):
    """A table or row does not match its schema or recipe."""


class NetworkError(MalignancyError, ValueError):
    """Layers, shapes or values are invalid for a network.

    The text names the argument, the expected value and the given one. A subclass of ValueError, as
    NumPy and scikit-learn raise for invalid arguments.
    """


class TrainingError(MalignancyError):
    """A training cannot continue. The text names the step and the reason."""


class ArtifactError(MalignancyError):
    """A file is not an artifact, or has a format that this version does not read."""


class SigningError(MalignancyError):
    """A signing key is unusable, or the extra `signing` is missing."""

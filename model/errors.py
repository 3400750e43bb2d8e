"""Exceptions that this package raises deliberately.

MalignancyError
├── RecipeError        a recipe is invalid
├── DataError          a table or row does not match its schema or recipe
├── NetworkError       layers, shapes or values are invalid for a network
├── TrainingError      a training cannot continue
├── ArtifactError      a file is not an artifact that this version reads
├── ObjectStoreError   a URI is invalid, or the object store that it names failed
└── SigningError       a signing key is unusable, or the extra `signing` is missing
"""

from typing import Final

MAX_TEXT_CHARACTERS: Final = 500


def bounded(text: str, characters: int = MAX_TEXT_CHARACTERS) -> str:
    """Return a text of limited length, for a response, a log line or a terminal.

    Args:
        text: The text, which may quote from a file.
        characters: The limit; a longer text loses its middle, as its ends say what and why.
    """
    if len(text) <= characters:
        return text
    end = characters // 2
    return f"{text[: characters - end - 1]}…{text[-end:]}"


class MalignancyError(Exception):
    """Base class of all errors of this package.

    Args:
        text: Text for the user; at most `MAX_TEXT_CHARACTERS` of it are kept.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(bounded(text))


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


class ObjectStoreError(MalignancyError):
    """A URI is invalid, or the object store that it names cannot be read or written."""


class SigningError(MalignancyError):
    """A signing key is unusable, or the extra `signing` is missing."""

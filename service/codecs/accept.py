"""The Accept header: media ranges and their weights.

Source: RFC 9110, section 12.5.1.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple


class MediaRange(NamedTuple):
    """One media range of Accept, or a media type.

    Attributes:
        name: Type and subtype, each possibly "*", in lower case.
        parameters: Values in lower case by name, without quotes.
    """

    name: str
    parameters: dict[str, str]

    @property
    def weight(self) -> float:
        """The parameter q; 1 without it, and if it is not a number from 0 to 1."""
        try:
            weight = float(self.parameters.get("q", "1"))
        except ValueError:
            return 1.0
        return weight if 0 <= weight <= 1 else 1.0


class Accept:
    """A parsed Accept header.

    Args:
        header: Value of the header; several are joined by commas.
    """

    def __init__(self, header: str) -> None:
        self._ranges = [parse_media_range(each) for each in header.split(",") if each.strip()]

    def preference(self, media_type: str, versions: Collection[str] = ()) -> tuple[float, int]:
        """Return how much a media type is wanted; the most specific range that matches decides.

        Args:
            media_type: Type and subtype, without parameters.
            versions: Values of the parameter `version` that the type satisfies; a range with
                another version does not match. By default versions are ignored.

        Returns:
            Weight, 0 if the header excludes the type, and specificity of the range, 0 to 2.
        """
        group = media_type.partition("/")[0]
        for specificity, pattern in ((2, media_type), (1, f"{group}/*"), (0, "*/*")):
            weights = [
                each.weight
                for each in self._ranges
                if each.name == pattern
                and (not versions or each.parameters.get("version", "") in ("", *versions))
            ]
            if weights:
                return max(weights), specificity if max(weights) else 0
        return 0.0, 0


def accept_header(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the value of all Accept headers, "" without any."""
    return ",".join(value.decode("latin-1") for name, value in headers if name == b"accept")


def parse_media_range(value: str) -> MediaRange:
    """Parse a media type or range with its parameters."""
    name, *parameters = (part.strip() for part in value.lower().split(";"))
    pairs = (each.partition("=") for each in parameters)
    return MediaRange(name, {key.strip(): text.strip().strip('"') for key, _, text in pairs})

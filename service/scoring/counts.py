"""Counts of scored rows: all that a worker returns of a part."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from model.errors import DataError

Bins = Counter[tuple[str, str, int]]  # by kind, name and bin, as the store of predictions has them


@dataclass(frozen=True)
class Counts:
    """Counts of a part, or of several.

    Attributes:
        rows: Number of rows.
        predicted: Number of rows with a prediction.
        labels: Number of rows by predicted label; empty for a regression.
        bytes: Size of the part, in bytes.
        sha256: SHA-256 of the part, hexadecimal; "" for several parts.
        bins: Rows by bin of their values and predictions (see `service.store.counting`).
    """

    rows: int = 0
    predicted: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    sha256: str = ""
    bins: Bins = field(default_factory=Counter)

    @property
    def marked(self) -> int:
        """Number of rows with an error in place of a prediction."""
        return self.rows - self.predicted

    @classmethod
    def merged(cls, parts: "Iterable[Counts]") -> Self:
        """Return the sums over parts."""
        rows = predicted = size = 0
        labels: Counter[str] = Counter()
        bins: Bins = Counter()
        for each in parts:
            rows, predicted, size = rows + each.rows, predicted + each.predicted, size + each.bytes
            labels.update(each.labels)
            bins.update(each.bins)
        return cls(rows, predicted, dict(labels), size, "", bins)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain JSON."""
        bins: dict[str, dict[str, dict[str, int]]] = {}
        for (kind, name, place), count in sorted(self.bins.items()):
            bins.setdefault(kind, {}).setdefault(name, {})[str(place)] = count
        return {
            "rows": self.rows,
            "predicted": self.predicted,
            "marked": self.marked,
            "labels": dict(sorted(self.labels.items())),
            "bytes": self.bytes,
            "sha256": self.sha256,
            "bins": bins,
        }

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read what `to_json` returned.

        Raises:
            DataError: The content is none.
        """
        try:
            bins = Counter(
                {
                    (kind, name, int(place)): int(count)
                    for kind, names in content["bins"].items()
                    for name, places in names.items()
                    for place, count in places.items()
                }
            )
            labels = {str(name): int(count) for name, count in content["labels"].items()}
            numbers = (int(content[name]) for name in ("rows", "predicted", "bytes"))
            rows, predicted, size = numbers
            return cls(rows, predicted, labels, size, str(content["sha256"]), bins)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise DataError("the counts of a part cannot be read") from None

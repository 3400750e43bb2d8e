"""Reference counts: how many training rows, and held-out predictions, are in each bin.

They are a fact of the artifact, `drift`, in plain JSON. Numbers are written as text, one a feature,
since an artifact limits the number of its JSON values.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from model.arrays import Array
from model.drift.bins import FeatureBins, OutputBins, bins_for, cuts_of, text_of
from model.errors import ArtifactError
from model.prediction.facts import Count
from model.prediction.predictor import Predictor
from model.prediction.schema import Schema

FACT: Final = "drift"
MAX_COUNT_DIGITS: Final = 15
MAX_COUNTS_CHARACTERS: Final = 1000

Source = Literal["out-of-bag", "validation"]
_Counts = Annotated[str, Field(max_length=MAX_COUNTS_CHARACTERS)]


class _Content(BaseModel):
    """The fact as JSON: for each feature and each output, cuts and counts as text."""

    model_config = ConfigDict(extra="forbid")

    rows: Count
    cuts: list[Annotated[str, Strict()]]
    counts: list[_Counts]
    predictions_of: Source
    prediction_rows: Count
    prediction_cuts: list[Annotated[str, Strict()]]
    prediction_counts: list[_Counts]


@dataclass(frozen=True)
class DriftReference:
    """Bins and reference counts of a model.

    Attributes:
        rows: Number of training rows: all of them, unweighted, those of one group too. Of a table
            that is not held in memory, a sample.
        features: The bins of each feature, in the schema's order.
        counts: Counts of the training rows by bin, for each feature, `(bins,)`, int64.
        predictions_of: The rows of the predictions: "out-of-bag" or "validation".
        prediction_rows: Number of these rows.
        outputs: The bins of each output, in the target's order.
        prediction_counts: Counts of the predictions by bin, for each output, `(bins,)`, int64.
    """

    rows: int
    features: tuple[FeatureBins, ...]
    counts: tuple[Array, ...]
    predictions_of: Source
    prediction_rows: int
    outputs: tuple[OutputBins, ...]
    prediction_counts: tuple[Array, ...]

    @classmethod
    def fit(cls, predictor: Predictor, rows: Array) -> Self:
        """Choose bins, and count training rows and held-out predictions.

        Args:
            predictor: The model, with its out-of-bag rows, if any, else its validation rows.
            rows: Its raw training rows, `(B, F)`, NaN where missing.
        """
        schema, most = predictor.schema, bins_for(rows.shape[1])
        features = tuple(
            FeatureBins.fit(feature, column, most)
            for feature, column in zip(schema.features, rows.T, strict=True)
        )
        source: Source = "validation" if predictor.out_of_bag is None else "out-of-bag"
        held_out = predictor.out_of_bag or predictor.validation
        columns = held_out.predictions.T
        outputs = tuple(
            OutputBins(name) if predictor.has_probabilities else OutputBins.fit(name, column)
            for name, column in zip(schema.target.names, columns, strict=True)
        )
        return cls(
            len(rows),
            features,
            tuple(_counted(features, rows.T)),
            source,
            len(held_out.predictions),
            outputs,
            tuple(_counted(outputs, columns)),
        )

    @cached_property
    def by_feature(self) -> Mapping[str, tuple[FeatureBins, Array]]:
        """Bins and reference counts by the feature's name."""
        pairs = zip(self.features, self.counts, strict=True)
        return {bins.feature.name: (bins, counts) for bins, counts in pairs}

    @cached_property
    def by_output(self) -> Mapping[str, tuple[OutputBins, Array]]:
        """Bins and reference counts by the output's name."""
        pairs = zip(self.outputs, self.prediction_counts, strict=True)
        return {bins.name: (bins, counts) for bins, counts in pairs}

    def count(self, rows: Array) -> dict[str, Array]:
        """Count rows by bin, for each feature.

        Args:
            rows: Raw rows that satisfy the schema, `(B, F)`, NaN where missing.

        Returns:
            Counts by feature, `(bins,)`, int64.
        """
        return dict(zip(self.by_feature, _counted(self.features, rows.T), strict=True))

    def count_predictions(self, predictions: Array) -> dict[str, Array]:
        """Count predictions by bin, for each output.

        Args:
            predictions: `(B, outputs)`.

        Returns:
            Counts by output, `(bins,)`, int64.
        """
        return dict(zip(self.by_output, _counted(self.outputs, predictions.T), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the fact as plain JSON."""
        return {
            "rows": self.rows,
            "cuts": [bins.to_text() for bins in self.features],
            "counts": [text_of(counts.tolist()) for counts in self.counts],
            "predictions_of": self.predictions_of,
            "prediction_rows": self.prediction_rows,
            "prediction_cuts": [text_of(bins.cuts or ()) for bins in self.outputs],
            "prediction_counts": [text_of(counts.tolist()) for counts in self.prediction_counts],
        }

    @classmethod
    def from_json(cls, schema: Schema, has_probabilities: bool, content: object) -> Self:
        """Read the fact that `to_json` returned.

        Args:
            schema: The model's schema.
            has_probabilities: Whether predictions are probabilities.
            content: The fact, which is not trusted.

        Raises:
            ArtifactError: A type, a size or a number is not valid. The text names the place.
        """
        try:
            read = _Content.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, (FACT, *first["loc"])))
            raise ArtifactError(f"invalid metadata at facts.{place}: {first['msg']}") from None
        names = schema.target.names
        for name, texts in (("cuts", read.cuts), ("counts", read.counts)):
            _check_length(name, texts, len(schema.features))
        for name, texts in (
            ("prediction_cuts", read.prediction_cuts),
            ("prediction_counts", read.prediction_counts),
        ):
            _check_length(name, texts, len(names))
        features, counts = [], []
        for feature, cuts, text in zip(schema.features, read.cuts, read.counts, strict=True):
            with _naming(feature.name):
                features.append(FeatureBins.from_text(feature, cuts))
                counts.append(_read_counts(text, len(features[-1].names), read.rows))
        outputs, of_outputs = [], []
        for name, cuts, text in zip(
            names, read.prediction_cuts, read.prediction_counts, strict=True
        ):
            with _naming(name):
                if has_probabilities and cuts:
                    raise ArtifactError("probabilities have no cuts")
                outputs.append(OutputBins(name, None if has_probabilities else cuts_of(cuts)))
                of_outputs.append(_read_counts(text, len(outputs[-1].names), read.prediction_rows))
        return cls(
            read.rows,
            tuple(features),
            tuple(counts),
            read.predictions_of,
            read.prediction_rows,
            tuple(outputs),
            tuple(of_outputs),
        )


def drift_reference(predictor: Predictor) -> DriftReference | None:
    """Return the reference counts of a model; None for one that was trained without.

    Args:
        predictor: The model.

    Raises:
        ArtifactError: The counts are invalid. The text names the place.
    """
    content = predictor.facts.get(FACT)
    if content is None:
        return None
    return DriftReference.from_json(predictor.schema, predictor.has_probabilities, content)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Add the name of a feature or output to an error."""
    try:
        yield
    except ArtifactError as error:
        raise ArtifactError(f"invalid metadata at facts.{FACT}, {name!r}: {error}") from None


def _counted(bins: Sequence[FeatureBins | OutputBins], columns: Array) -> list[Array]:
    return [
        np.bincount(each.places(column), minlength=len(each.names))
        for each, column in zip(bins, columns, strict=True)
    ]


def _check_length(name: str, texts: list[str], expected: int) -> None:
    if len(texts) != expected:
        place = f"invalid metadata at facts.{FACT}.{name}"
        raise ArtifactError(f"{place}: must have {expected} texts, got {len(texts)}")


def _read_counts(text: str, bins: int, rows: int) -> Array:
    """Read counts, of which a text has one for each bin."""
    found = text.split(" ")
    if len(found) != bins:
        raise ArtifactError(f"there must be {bins} counts")
    if not all(each.isascii() and each.isdigit() for each in found) or any(
        len(each) > MAX_COUNT_DIGITS for each in found
    ):
        raise ArtifactError(f"counts must have up to {MAX_COUNT_DIGITS} digits")
    counts = np.array(found, dtype=np.int64)
    if counts.sum() != rows:
        raise ArtifactError(f"the sum of the counts must be {rows}")
    return counts

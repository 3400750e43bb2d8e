"""Export of stored rows as NDJSON or CSV."""

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import IO, Any, Final

from model.prediction.schema import OTHER, Feature, Schema
from service.store.identifiers import row_name
from service.store.reading import StoredPrediction
from service.store.records import VersionKey

_FACTS: Final = ("id", "at", "model", "version", "kind", "threshold", "label", "imputed", "key_id")


def fields_of(row: StoredPrediction, schema: Schema) -> dict[str, Any]:
    """Return a row as JSON values, with the features' values as requests spell them.

    Args:
        row: The row.
        schema: Schema of its version.
    """
    names = schema.target.names
    fields: dict[str, Any] = {
        "id": row_name(row.id, row.row),
        "at": iso_time(row.at),
        "model": row.version.model,
        "version": row.version.sha256,
        "kind": row.kind,
        "threshold": row.threshold,
        "label": row.label,
        "imputed": list(row.imputed),
        "key_id": row.key_id,
        "predictions": dict(zip(names, row.predictions.tolist(), strict=True)),
    }
    if row.has_truth:
        fields["truth"] = row.truth
    if row.values is not None:
        pairs = zip(schema.features, row.values, strict=True)
        fields["inputs"] = {feature.name: _spelled(feature, value) for feature, value in pairs}
    return fields


def write_ndjson(
    rows: Iterable[StoredPrediction], schemas: Mapping[VersionKey, Schema], file: IO[str]
) -> None:
    """Write one JSON object a line.

    Args:
        rows: The rows.
        schemas: Schemas of the versions.
        file: Text file to write to.
    """
    for row in rows:
        fields = fields_of(row, schemas[row.version])
        file.write(json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_csv(
    rows: Iterable[StoredPrediction], schemas: Mapping[VersionKey, Schema], file: IO[str]
) -> None:
    """Write a table with a column for each output and feature.

    Args:
        rows: The rows.
        schemas: Schemas of the versions; the table has the columns of all of them.
        file: Text file to write to, opened without translation of newlines.
    """
    outputs: dict[str, None] = {}
    features: dict[str, None] = {}
    for schema in schemas.values():
        outputs |= dict.fromkeys(schema.target.names)
        features |= dict.fromkeys(schema.names)
    prefixed = [f"prediction_{name}" for name in outputs], [f"input_{name}" for name in features]
    writer = csv.DictWriter(file, (*_FACTS, *prefixed[0], "truth", *prefixed[1]))
    writer.writeheader()
    for row in rows:
        fields = fields_of(row, schemas[row.version])
        cells = {name: fields[name] for name in _FACTS}
        cells["imputed"] = ";".join(row.imputed)
        cells |= {f"prediction_{name}": each for name, each in fields["predictions"].items()}
        cells["truth"] = _cell(fields.get("truth"))
        cells |= {f"input_{name}": _cell(each) for name, each in fields.get("inputs", {}).items()}
        writer.writerow(cells)


def iso_time(at: int) -> str:
    """Return a Unix time in microseconds as ISO 8601, in UTC."""
    seconds, microseconds = divmod(at, 1_000_000)
    time = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _spelled(feature: Feature, value: float | None) -> Any:
    if value is None:
        return None
    if feature.type == "category" and value >= len(feature.categories):
        return OTHER  # the text itself is not known
    return feature.spelled(value)


def _cell(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.values()))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list | bool) else value

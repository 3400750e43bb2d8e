"""Rows for the store, and plain reads of what it has."""

import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from support.random_model import random_model

from model.arrays import Array
from model.prediction.schema import Feature
from service.settings import Settings
from service.store.counting import Counts, ModelBins
from service.store.databases.database import Database
from service.store.identifiers import uuid7
from service.store.records import PredictedRows, StoredVersion
from service.store.store import Store


class RoundedBins:
    """A bin for each whole number from 0 to 9, and others for missing, smaller and larger ones."""

    def places(self, values: Array) -> Array:
        rounded = np.clip(np.nan_to_num(np.floor(values)), -1, 10).astype(np.int64) + 1
        return np.where(np.isnan(values), 12, rounded)


def version_of(task: str = "binary", name: str = "kinds", sha256: str = "0" * 64) -> StoredVersion:
    """Return a version of a model with random weights."""
    predictor = replace(random_model(task), name=name, version=sha256)
    bins = [RoundedBins() for _ in predictor.schema.features]
    outputs = [] if predictor.has_probabilities else [RoundedBins()] * predictor.outputs
    return StoredVersion(predictor, ModelBins(bins, outputs))


def random_values(rows: int, seed: int = 0) -> Array:
    """Return raw rows of the random models: size, colour, smokes, score."""
    generator = np.random.default_rng(seed)
    size = generator.uniform(0, 12, rows)
    colour = generator.choice([0.0, 1, 2, np.nan], rows)
    smokes = generator.choice([0.0, 1, np.nan], rows)
    return np.column_stack([size, colour, smokes, generator.integers(1, 11, rows)])


def predicted(version: StoredVersion, rows: int = 1, **fields: Any) -> PredictedRows:
    """Return rows as they are put: `fields` replace those of `PredictedRows`."""
    values = fields.pop("values", None)
    if values is None:
        values = random_values(rows)
    predictor = version.predictor
    given = {"id": uuid7(), "at": time.time_ns() // 1000, "threshold": predictor.threshold}
    given |= {"values": values, "predictions": predictor.predict(values)}
    return PredictedRows(version=version, **{**given, **fields})


def store_at(url: str, keeps: str = "inputs", **settings: Any) -> Store:
    """Return a store that is not started."""
    return Store(Settings(store=url, store_keeps=keeps, **settings))


def all_counts(database: Database) -> Counts:
    """Return all counts above 0, whatever the hour and version."""
    found = database.execute(
        "SELECT hours, kind, name, bin, CAST(sum(count) AS BIGINT) FROM counts "
        "GROUP BY hours, kind, name, bin"
    )
    hourly, daily = (
        Counter(
            {(kind, name, place): int(n) for each, kind, name, place, n in found if each == span}
        )
        for span in (1, 24)
    )
    assert hourly == daily
    return +hourly


def count_rows(database: Database, table: str) -> int:
    """Return the number of rows of a table."""
    return int(database.execute(f"SELECT count(*) FROM {table}")[0][0])


def encoding_version(task: str = "binary", sha256: str = "1" * 64) -> StoredVersion:
    """Return a version like `version_of` whose tables encode rows."""
    predictor = replace(random_model(task), version=sha256)
    size, *others = predictor.schema.features
    whole = Feature(name=size.name, type="integer", minimum=0, maximum=12)
    schema = predictor.schema.model_copy(update={"features": (whole, *others)})
    predictor = replace(predictor, schema=schema)
    assert predictor.row_tables is not None
    bins = [RoundedBins() for _ in schema.features]
    outputs = [] if predictor.has_probabilities else [RoundedBins()] * predictor.outputs
    return StoredVersion(predictor, ModelBins(bins, outputs))


def encoded_rows(version: StoredVersion, rows: int, seed: int = 0) -> tuple[list[Any], Array]:
    """Return rows as parsed from JSON that the tables encode, and their predictions."""
    generator = np.random.default_rng(seed)
    size, score = generator.integers(0, 13, rows), generator.integers(1, 11, rows)
    colours = generator.choice(version.predictor.schema.features[1].categories, rows)
    smokes = generator.integers(0, 2, rows) > 0
    columns = (each.tolist() for each in (size, colours, smokes, score))
    parsed = [*zip(*columns, strict=True)]
    tables = version.predictor.row_tables
    assert tables is not None
    encoded = [tables.encode(row) or b"" for row in parsed]
    return parsed, version.predictor.predict_encoded(encoded)

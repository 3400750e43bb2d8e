"""Time of GET /models/{name}/live over 1 000 000 rows of 90 days in SQLite.

    python -m benchmarks.serving.live

The store has hourly counts of rows; the truth of 60 % has arrived. Figures are medians of
computations in this process, without HTTP; the cache of the route is not used. The artifact must
have reference counts of drift.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from pydantic_core import to_json

from model.arrays import Array
from model.artifacts import artifact
from model.metrics.probability_bins import BINS
from model.prediction.predictor import Predictor
from model.prediction.target import Binary
from service.live.query import LiveQuery
from service.live.reader import LiveReader
from service.registry.model_version import ModelVersion
from service.registry.registry import Model, ModelRegistry
from service.settings import Settings
from service.store.counting import SPANS
from service.store.store import Store

FIRST_HOUR = 496_728
TRUTH_SHARE = 0.6


def main() -> None:
    """Fill a store, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifact", type=Path, default=Path("artifacts/wisconsin.joblib"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=7)
    chosen = parser.parse_args()
    predictor = artifact.load(chosen.artifact)
    models = ModelRegistry([Model(ModelVersion(predictor, Settings()))])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Settings(store=f"sqlite:///{folder}/store.db"))
        buckets = fill(store, predictor, chosen.rows, 24 * chosen.days)
        print(f"{chosen.rows} rows in {chosen.days} days, {buckets} counts by hour")
        reader = LiveReader(store, models)
        for days, by in ((7, "hour"), (7, "day"), (chosen.days, "day"), (chosen.days, "week")):
            for weighting in ("none", "coverage"):
                stop = FIRST_HOUR + 24 * chosen.days
                query = LiveQuery(stop - 24 * days, stop, by, predictor.threshold, weighting)  # type: ignore[arg-type]  # names
                wall, cpu = measure(reader, predictor.name, query, chosen.repeats)
                print(f"{days:3} days by {by:5} {weighting:9} {wall:6.0f} ms, {cpu:6.0f} ms of CPU")


def measure(reader: LiveReader, name: str, query: LiveQuery, repeats: int) -> tuple[float, float]:
    """Return the medians of wall-clock and CPU time in milliseconds.

    Args:
        reader: Computes the figures.
        name: Name of the model.
        query: The window.
        repeats: Number of computations.
    """
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        to_json(reader.answer(name, query))
        walls.append(1000 * (time.perf_counter() - wall))
        cpus.append(1000 * (time.process_time() - cpu))
    return statistics.median(walls), statistics.median(cpus)


def fill(store: Store, predictor: Predictor, rows: int, hours: int) -> int:
    """Write counts as the writer does, and return the number of counts by hour.

    Args:
        store: The store.
        predictor: A model with a binary target and reference counts.
        rows: Number of rows.
        hours: Number of hours.
    """
    generator = np.random.default_rng(0)
    with closing(store.open(read_only=False)) as database:
        database.execute(
            "INSERT INTO versions (model, sha256, schema_json) VALUES (:name, :sha256, '{}')",
            {"name": predictor.name, "sha256": predictor.version},
        )
        for hour in range(hours):
            at, counts = FIRST_HOUR + hour, _counts(predictor, rows // hours, generator)
            with database.transaction():
                database.add_counts(
                    [
                        (span, at - at % span, 1, kind, name, place, number)
                        for span in SPANS
                        for (kind, name), vector in counts.items()
                        for place, number in enumerate(vector.tolist())
                        if number
                    ]
                )
        return int(database.execute("SELECT count(*) FROM counts")[0][0])


def _counts(
    predictor: Predictor, rows: int, generator: np.random.Generator
) -> dict[tuple[str, str], Array]:
    target, reference = predictor.schema.target, ModelVersion(predictor, Settings()).drift_reference
    assert isinstance(target, Binary)
    assert reference is not None
    counts = {("rows", ""): np.array([rows])}
    for name, (_, of_training) in reference.by_feature.items():
        counts["feature", name] = generator.multinomial(rows, of_training / of_training.sum())
    places = (generator.beta(0.2, 0.4, rows) * BINS).astype(int)
    labels = generator.random(rows) < places / BINS
    known = generator.random(rows) < TRUTH_SHARE
    counts["prediction", target.positive] = np.bincount(places)
    for label, chosen in ((target.negative, ~labels), (target.positive, labels)):
        counts["truth", f"{target.positive}={label}"] = np.bincount(places[chosen & known])
    positive = int((places >= predictor.threshold * BINS).sum())
    for label, number in ((target.negative, rows - positive), (target.positive, positive)):
        counts["label", label] = np.array([number])
    return counts


if __name__ == "__main__":
    main()

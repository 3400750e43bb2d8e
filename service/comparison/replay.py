"""Replay: prediction of stored inputs by a candidate, beside what was answered."""

from typing import Any, Final

import numpy as np

from model.errors import MalignancyError
from model.prediction.other_rows import predict_valid, schema_difference
from model.prediction.predictor import Predictor
from model.prediction.schema_rules import SchemaRules
from service.comparison.pairs import Pairs
from service.comparison.stored_pairs import logged_pages
from service.store.databases.database import Database
from service.store.reading import versions

MAX_ROWS: Final = 1_000_000


class ReplayError(MalignancyError):
    """The stored inputs cannot be replayed. The text has no stored value."""


def replay(
    database: Database,
    candidate: Predictor,
    *,
    start: int,
    model: str | None = None,
    max_rows: int = MAX_ROWS,
) -> dict[str, Any]:
    """Return the comparison of a candidate with the versions that answered, as JSON values.

    Rows that the candidate itself has answered are left out. Labels are those at the threshold of
    the answer, for both versions.

    Args:
        database: The database.
        candidate: The candidate.
        start: Unix time of the first answer in microseconds.
        model: Name of the model in the store; by default the candidate's.
        max_rows: Maximum number of rows, the latest ones.

    Returns:
        `model`, `candidate`, `rows_rejected`, the number of rows that the candidate rejects, and
        what `Pairs.describe` returns.

    Raises:
        ReplayError: The schema differs from that of a version that answered, or there are no rows.
    """
    name = model or candidate.name
    schemas = {key.sha256: each for key, each in versions(database).items() if key.model == name}
    if not schemas:
        raise ReplayError(f"the store has no predictions of a model {name}")
    pairs, rejected = Pairs(candidate.schema.target, max_rows), 0
    seen: set[str] = set()
    rules = SchemaRules(candidate.schema.features)
    for page in logged_pages(database, name, candidate.version, start):
        answered = [row for row, _ in page]
        for sha256 in {row.sha256 for row in answered} - seen:
            seen.add(sha256)
            if reason := schema_difference(schemas[sha256], candidate.schema):
                title = f"{name}@{sha256[:12]}"
                raise ReplayError(
                    f"the candidate cannot replay the rows that {title} has answered: {reason}"
                )
        second, is_valid = predict_valid(candidate, np.stack([values for _, values in page]), rules)
        valid = [row for row, keep in zip(answered, is_valid.tolist(), strict=True) if keep]
        rejected += len(answered) - len(valid)
        pairs.add(valid, second)
        if pairs.is_full:
            break
    if not pairs.rows:
        raise ReplayError(
            f"the store has no inputs of the model {name} in this time that another version than "
            "the candidate has answered, and that the candidate accepts; inputs are kept with "
            "MALIGNANCY_STORE_KEEPS=inputs"
        )
    return {
        "model": name,
        "candidate": candidate.version,
        "rows_rejected": rejected,
        **pairs.describe(),
    }

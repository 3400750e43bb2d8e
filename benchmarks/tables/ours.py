"""Our model: `init`'s recipe of the training rows, unedited, then `train`."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from model.arrays import Array
from model.pipelines.train import fit
from model.prediction.target import Binary, MultiClass
from model.training.recipes.drafting.draft import first_recipe
from model.training.recipes.recipe import parse_recipe
from model.training.tables.columns import read_rows, with_nfc_names
from model.training.tables.partitions import read_partitions
from model.training.tables.readers import read_frame, sniff_frame

TARGET = "target"


def predict(task: str, train: pd.DataFrame, target: Any, test: pd.DataFrame) -> Array:
    """Train on a file of the training rows, and predict a file of the test rows.

    Args:
        task: The task.
        train: Features of the rows that train.
        target: Their target.
        test: Features of the rows that test.

    Returns:
        Probabilities of the sorted classes, or numbers.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, new = Path(folder, "train.csv"), Path(folder, "test.csv")
        train.assign(**{TARGET: target}).to_csv(path, index=False)
        test.to_csv(new, index=False)
        frame, found = sniff_frame(path)
        text = first_recipe(frame, Path(path.name), "table", TARGET, found.recipe_keys)
        recipe = parse_recipe(text, Path(folder, "table.toml"))
        with closing(read_partitions(recipe)) as parts:
            predictor = fit(recipe, parts).predictor
        # A column without gaps, fractions or a third number in training may have some here; a
        # service rejects them. The peers take them, so they are read as other numbers.
        features = [
            each.model_copy(update={"type": "number"})
            if each.type in ("integer", "boolean")
            and is_numeric_dtype(test[each.column or each.name])
            else each
            for each in recipe.schema.features
        ]
        rows = read_rows(
            with_nfc_names(read_frame(new)), features, recipe.schema.missing_values, len(features)
        )
    predictions = predictor.predict(rows).astype(np.float64)
    known = recipe.schema.target
    if isinstance(known, Binary):
        predictions = np.hstack([1 - predictions, predictions])
        order = [known.negative, known.positive]
    elif isinstance(known, MultiClass):
        order = list(known.classes)
    else:
        assert task == "regression"
        return np.asarray(predictions[:, 0])
    return np.asarray(predictions[:, np.argsort(order)])

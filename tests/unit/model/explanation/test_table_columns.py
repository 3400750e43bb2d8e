"""The columns that `explain` adds to a table."""

from dataclasses import replace

import numpy as np

from model.explanation.parts import finish
from model.explanation.reference import reference_of
from model.explanation.shapley import exact_shapley_values
from model.explanation.table_columns import explanation_columns
from model.prediction.predictor import Predictor
from model.prediction.target import MultiLabel, Regression
from model.prediction.training_sample import TrainingSample

ROWS = np.array([[9.0, 2, 1, 3], [1, np.nan, 0, 10], [4, 0, np.nan, 6]])


def test_columns_are_the_explanations_of_each_row(kinds: Predictor) -> None:
    columns_of_targets = kinds.schema.target.columns_of_targets
    targets = np.zeros((3, columns_of_targets), kinds.schema.target.dtype)
    predictor = replace(kinds, sample=TrainingSample(ROWS, targets))
    columns = explanation_columns("training", predictor, ROWS, 0.5)
    assert {len(column) for column in columns.values()} == {3}
    outputs = kinds.schema.target.names
    infix = [f"{name}_" for name in outputs] if len(outputs) > 1 else [""]
    reference = reference_of(predictor, "training")
    for number, row in enumerate(ROWS):
        inputs = predictor.encode(row[np.newaxis])
        (prediction,) = predictor.predict_inputs(inputs)
        values = finish(exact_shapley_values(predictor, inputs, reference))
        for output, prefix in enumerate(infix):
            found = [columns[f"shapley_{prefix}{name}"][number] for name in kinds.schema.names]
            np.testing.assert_allclose(found, values.values[0, :, output])
            total = values.reference[0, output] + sum(found)
            np.testing.assert_allclose(total, prediction[output])
    target = kinds.schema.target
    if isinstance(target, Regression):
        assert "counterfactual" not in columns
        low, high = (columns[f"{infix[0]}interval_{end}"] for end in ("low", "high"))
        assert (low <= high).all()
    elif isinstance(target, MultiLabel):
        # No row was held out, so neither label can be excluded.
        assert set(columns["set_fever"]) == {"absent or present"}
        assert columns["counterfactual"][0].startswith(("fever: ", "cough: ", ""))
    else:
        assert len(set(columns["set"])) == 1
    assert columns["distance_percentile"].tolist() == [0, 0, 0]
    assert not columns["unlike_training"].any()


def test_no_rows_have_no_columns(kinds: Predictor) -> None:
    assert explanation_columns("typical", kinds, np.empty((0, 4)), 0.5) == {}

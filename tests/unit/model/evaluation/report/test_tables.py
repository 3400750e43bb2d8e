"""Tables of the report."""

import numpy as np

from model.evaluation.report.tables import error_intervals


def test_error_intervals() -> None:
    errors = np.array([-1.0, 2, -3, 4])
    found = error_intervals(errors)
    low, high = found["root_mean_squared_error"]
    assert low < np.sqrt(np.square(errors).mean()) < high
    assert sum(found["mean_error"]) / 2 == errors.mean()
    assert error_intervals(errors[:1]) == {}

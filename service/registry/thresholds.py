"""Decision thresholds of a request: the query's, else the setting's, else the artifact's default.

The threshold of a model without thresholds is NaN, and no value is above NaN.
"""

import math
from collections.abc import Mapping
from itertools import islice
from urllib.parse import parse_qsl

from service.problems import FieldError, Problem
from service.settings import SettingError

MAX_SHOWN_POINTS = 10  # operating points in an error text
ON_ERROR = ("refuse", "mark")  # values of the query parameter; JSON bodies are always rejected


class Thresholds:
    """Parser of thresholds, given as numbers from 0 to 1 or as names of operating points.

    Args:
        operating_points: Thresholds of the model by name; empty if it has no threshold.
        setting: Value of the setting `threshold`.

    Attributes:
        active: Threshold of a request that does not set one.
        rule: Rule for a threshold, for error texts.

    Raises:
        SettingError: The setting is not a threshold of this model.
    """

    def __init__(self, operating_points: Mapping[str, float], setting: str | None = None) -> None:
        self.operating_points = operating_points
        names = ", ".join(islice(operating_points, MAX_SHOWN_POINTS))
        more = len(operating_points) - MAX_SHOWN_POINTS
        names += f" and {more} more" if more > 0 else ""
        self.rule = f"must be a number from 0 to 1, or one of the operating points: {names}"
        if not operating_points:
            self.rule = "must not be given: this model has no threshold"
        self.active = operating_points.get("default", math.nan)
        if setting is not None:
            threshold = self._parse(setting)
            if threshold is None:
                raise SettingError("threshold", self.rule)
            self.active = threshold

    def as_fields(self, threshold: float) -> dict[str, float]:
        """Return the threshold as a field of an answer; empty if the model has no threshold."""
        return {"threshold": threshold} if self.operating_points else {}

    def from_query(self, query: bytes) -> float:
        """Return the threshold of a raw query string, by default the active one.

        Raises:
            Problem: 422, because the query is invalid.
        """
        if not query:
            return self.active
        return self.resolve(read_query(query, "threshold").get("threshold"))

    def parse_table_query(self, query: bytes) -> tuple[float, bool]:
        """Parse the query string of a prediction of rows or tables.

        Returns:
            The threshold, and True if invalid rows are marked, False if they reject the request.

        Raises:
            Problem: 422, because the query is invalid.
        """
        if not query:
            return self.active, False
        parameters = read_query(query, "threshold", "on_error")
        on_error = parameters.get("on_error", ON_ERROR[0])
        if on_error not in ON_ERROR:
            rule = f"must be {' or '.join(ON_ERROR)}"
            raise Problem.invalid([FieldError(field="on_error", rule=rule)])
        return self.resolve(parameters.get("threshold")), on_error == "mark"

    def resolve(self, text: str | None) -> float:
        """Return the threshold of a parameter's text; the active one for None.

        Raises:
            Problem: 422, because the text is not a threshold.
        """
        threshold = self.active if text is None else self._parse(text)
        if threshold is None:
            raise Problem.invalid([FieldError(field="threshold", rule=self.rule)])
        return threshold

    def from_field(self, field: str, value: object) -> float:
        """Return the threshold of a field of a JSON body.

        Args:
            field: The path of the field, for the error.
            value: Its JSON value.

        Raises:
            Problem: 422, because the value is not a threshold.
        """
        threshold = self.from_json(value)
        if threshold is None:
            raise Problem.invalid([FieldError(field=field, rule=self.rule)])
        return threshold

    def from_json(self, value: object) -> float | None:
        """Return the threshold of a JSON value; None if the value is not a threshold."""
        if isinstance(value, str):
            return self._parse(value)
        if not self.operating_points or isinstance(value, bool):
            return None
        return abs(value) if isinstance(value, int | float) and 0 <= value <= 1 else None

    def _parse(self, text: str) -> float | None:
        if not self.operating_points:
            return None
        if text in self.operating_points:
            return self.operating_points[text]
        # float() also accepts "nan", " 0.5", "1_0" and digits of other scripts.
        if not text or not set(text) <= set("0123456789.eE+-"):
            return None
        try:
            number = float(text)
        except ValueError:
            return None
        return abs(number) if 0 <= number <= 1 else None  # abs() turns -0.0 into 0.0


def read_query(query: bytes, *names: str) -> dict[str, str]:
    """Parse a raw query string.

    An unknown name is an error: if a misspelt threshold were ignored, the answer would be for
    another threshold than the client expects.

    Args:
        query: Query string without "?".
        names: Names of the allowed parameters.

    Returns:
        Values by name.

    Raises:
        Problem: 422, because a name is unknown or repeated.
    """
    parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(name not in names for name, _ in parameters):
        rule = f"may only hold {' and '.join(names)}"
        raise Problem.invalid([FieldError(field="query", rule=rule)])
    values = dict(parameters)
    if len(values) < len(parameters):
        repeated = next(
            name for n, (name, _) in enumerate(parameters) if name in dict(parameters[:n])
        )
        raise Problem.invalid([FieldError(field=repeated, rule="must be given once")])
    return values

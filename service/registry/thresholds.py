"""The threshold in force: the query's, else the setting's, else the artifact's own.

Of a model without thresholds it is NaN, which is above nothing.
"""

import math
from collections.abc import Mapping
from urllib.parse import parse_qsl

from service.problems import FieldError, Problem
from service.settings import SettingError

ON_ERROR = ("refuse", "mark")  # what a bad row of a table does; JSON is always refused


class Thresholds:
    """Resolves thresholds given as numbers from 0 to 1 or as names of operating points.

    Raises SettingError when the setting is neither.
    """

    def __init__(self, operating_points: Mapping[str, float], setting: str | None = None) -> None:
        self.operating_points = operating_points
        names = ", ".join(operating_points)
        self.rule = f"must be a number from 0 to 1, or one of the operating points: {names}"
        if not operating_points:
            self.rule = "must not be given: this model has no threshold"
        self.active = operating_points.get("default", math.nan)
        if setting is not None:
            threshold = self._read(setting)
            if threshold is None:
                raise SettingError("threshold", self.rule)
            self.active = threshold

    def as_fields(self, threshold: float) -> dict[str, float]:
        """A threshold as part of an answer; nothing where the model has none."""
        return {"threshold": threshold} if self.operating_points else {}

    def from_query(self, query: bytes) -> float:
        """The threshold that a raw query string asks for, or the one in force.

        Raises Problem (422).
        """
        if not query:
            return self.active
        return self.resolve(read_query(query, "threshold").get("threshold"))

    def parse_table_query(self, query: bytes) -> tuple[float, bool]:
        """The threshold, and whether bad rows are marked instead of refusing all.

        Raises Problem (422).
        """
        if not query:
            return self.active, False
        given = read_query(query, "threshold", "on_error")
        on_error = given.get("on_error", ON_ERROR[0])
        if on_error not in ON_ERROR:
            rule = f"must be {' or '.join(ON_ERROR)}"
            raise Problem.invalid([FieldError(field="on_error", rule=rule)])
        return self.resolve(given.get("threshold")), on_error == "mark"

    def resolve(self, text: str | None) -> float:
        """The same of a parameter's text; None where it was not given."""
        threshold = self.active if text is None else self._read(text)
        if threshold is None:
            raise Problem.invalid([FieldError(field="threshold", rule=self.rule)])
        return threshold

    def from_json(self, value: object) -> float | None:
        """The threshold that a value of a JSON body gives; None when it is none."""
        if isinstance(value, str):
            return self._read(value)
        if not self.operating_points or isinstance(value, bool):
            return None
        return abs(value) if isinstance(value, int | float) and 0 <= value <= 1 else None

    def _read(self, text: str) -> float | None:
        if not self.operating_points:
            return None
        if text in self.operating_points:
            return self.operating_points[text]
        # float() alone would also take "nan", " 0.5", "1_0" and other scripts' digits.
        if not text or not set(text) <= set("0123456789.eE+-"):
            return None
        try:
            number = float(text)
        except ValueError:
            return None
        return abs(number) if 0 <= number <= 1 else None  # abs: "-0" is 0


def read_query(query: bytes, *names: str) -> dict[str, str]:
    """The parameters of a raw query string, by these names.

    Raises Problem (422). A parameter by another name is refused too: ignoring a misspelt
    threshold would answer another question than the one that was asked.
    """
    parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if any(name not in names for name, _ in parameters):
        rule = f"may only hold {' and '.join(names)}"
        raise Problem.invalid([FieldError(field="query", rule=rule)])
    given = dict(parameters)
    if len(given) < len(parameters):
        twice = next(name for n, (name, _) in enumerate(parameters) if name in dict(parameters[:n]))
        raise Problem.invalid([FieldError(field=twice, rule="must be given once")])
    return given

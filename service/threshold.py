"""The threshold in force: the query's, else the setting's, else the artifact's own.

Of a model without thresholds it is NaN, which is above nothing.
"""

import math
from collections.abc import Mapping
from urllib.parse import parse_qsl

from service.problems import FieldError, Problem
from service.settings import SettingError


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
        self.in_force = operating_points.get("default", math.nan)
        if setting is not None:
            threshold = self._read(setting)
            if threshold is None:
                raise SettingError("threshold", self.rule)
            self.in_force = threshold

    def told(self, threshold: float) -> dict[str, float]:
        """A threshold as part of an answer; nothing where the model has none."""
        return {"threshold": threshold} if self.operating_points else {}

    def from_query(self, query: bytes) -> float:
        """The threshold that a raw query string asks for, or the one in force.

        Raises Problem (422). A parameter by another name is refused too: ignoring a misspelt
        threshold would answer another question than the one that was asked.
        """
        if not query:
            return self.in_force
        parameters = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        if any(name != "threshold" for name, _ in parameters):
            raise Problem.invalid([FieldError(field="query", rule="may only hold threshold")])
        if len(parameters) > 1:
            raise Problem.invalid([FieldError(field="threshold", rule="must be given once")])
        threshold = self._read(parameters[0][1]) if parameters else self.in_force
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

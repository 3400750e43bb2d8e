"""The network as scikit-learn estimators, for pipelines, searches and cross-validation.

Requires the extra `sklearn`. Without arguments they are the default model of `init`'s recipes,
scaling of the features included:

    NetworkClassifier(random_state=0).fit(X, y)
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    message = "model.estimators needs scikit-learn: pip install 'malignancy[sklearn]'"
    raise ImportError(message) from error

from model.estimators.classifier import NetworkClassifier
from model.estimators.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]

"""Python client of the service: predictions, explanations, ground truth and live figures.

    from malignancy import Client

    with Client("http://localhost:8000") as client:
        answer = client.predict([[5, 1, 1, 1, 2, None, 3, 1, 1]])
        print(answer[0].label, answer[0].probability)

`AsyncClient` has the same methods, awaited. The client needs the extra `client`, which is httpx; it
imports neither the service nor the model.
"""

try:
    from malignancy.async_client import AsyncClient
    from malignancy.client import Client
except ModuleNotFoundError as error:
    if error.name != "httpx":
        raise
    raise ImportError("The client needs httpx: pip install 'malignancy[client]'.") from None
from malignancy.answers import (
    Drift,
    Explanation,
    Explanations,
    Health,
    Live,
    Model,
    Prediction,
    Predictions,
    Recorded,
    RecordedRows,
    TableAnswer,
)
from malignancy.errors import (
    ClientError,
    ConnectionFailed,
    FieldError,
    InvalidRequest,
    NotFound,
    NotPermitted,
    ServiceError,
    TimedOut,
    Unavailable,
    UnexpectedAnswer,
)
from malignancy.retries import Retries

__all__ = [
    "AsyncClient",
    "Client",
    "ClientError",
    "ConnectionFailed",
    "Drift",
    "Explanation",
    "Explanations",
    "FieldError",
    "Health",
    "InvalidRequest",
    "Live",
    "Model",
    "NotFound",
    "NotPermitted",
    "Prediction",
    "Predictions",
    "Recorded",
    "RecordedRows",
    "Retries",
    "ServiceError",
    "TableAnswer",
    "TimedOut",
    "Unavailable",
    "UnexpectedAnswer",
]

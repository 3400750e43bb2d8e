"""Tags of the OpenAPI document: the groups of operations, in the order of the page /docs."""

from typing import Final

PREDICT: Final = "Predict"
MODEL: Final = "Model"
METRICS: Final = "Metrics"
FEEDBACK: Final = "Feedback"
HEALTH: Final = "Health"
INFERENCE_PROTOCOL: Final = "Open Inference Protocol"
KSERVE: Final = "KServe V1"
MLFLOW: Final = "MLflow"
SERVICE: Final = "Service"

_DESCRIPTIONS: Final = {
    PREDICT: "Predictions for instances as JSON, or for tables as CSV, NDJSON or Arrow.",
    MODEL: "Schema, network, training data, scores and limits of the models in service.",
    METRICS: "Quality of a model on its validation and training rows, and metrics of the service "
    "in the formats of Prometheus.",
    FEEDBACK: "Ground truth of predictions, and their erasure, in a service with a store.",
    HEALTH: "Liveness and readiness checks.",
    INFERENCE_PROTOCOL: "Predictions for tensors and metadata of models, for clients of Triton, "
    "KServe and MLServer: version 2 of the protocol.",
    KSERVE: "Predictions for clients of version 1 of KServe's protocol, and of TensorFlow Serving.",
    MLFLOW: "Predictions for clients of an MLflow scoring server.",
    SERVICE: "The paths of the service.",
}

TAGS: Final = [
    {"name": name, "description": description} for name, description in _DESCRIPTIONS.items()
]

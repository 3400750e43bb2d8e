"""Ray Serve: one replica behind its proxy, in a Ray cluster of one node."""

import os
import sys
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import numpy as np
import ray
from ray import serve

from model.artifacts import artifact


@serve.deployment(logging_config={"log_level": "WARNING", "enable_access_log": False})
class Wisconsin:
    """One row: an object in, probability and label out."""

    def __init__(self, path: str) -> None:
        self.predictor = artifact.load(Path(path))

    async def __call__(self, request: Any) -> dict[str, Any]:
        patient = await request.json()
        row = np.array([[patient[name] for name in self.predictor.schema.names]], dtype=np.float64)
        probability = float(self.predictor.predict(row)[0, 0])
        above = probability > self.predictor.threshold
        return {"probability": probability, "label": "malignant" if above else "benign"}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="warning")
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[1])},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    application = Wisconsin.bind(sys.argv[2])  # type: ignore[attr-defined]
    serve.run(application, route_prefix="/predict", blocking=True)

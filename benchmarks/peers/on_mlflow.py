"""MLflow: a model written as code, saved, and served by `mlflow models serve` with one worker."""

import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from model.artifacts import artifact


class Wisconsin(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """An array in, probabilities and labels out."""

    def load_context(self, context: Any) -> None:  # noqa: ARG002
        """Read the artifact."""
        self.predictor = artifact.load(Path(os.environ["BENCHMARK_ARTIFACT"]))

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:  # noqa: ARG002
        """Return one object per row."""
        threshold = self.predictor.threshold
        predictions = self.predictor.predict(np.asarray(model_input, dtype=np.float64))[:, 0]
        return [
            {"probability": value, "label": "malignant" if value > threshold else "benign"}
            for value in predictions.tolist()
        ]


if __name__ == "__main__":
    folder = Path.cwd() / "mlflow"
    os.environ.update(
        BENCHMARK_ARTIFACT=sys.argv[2],
        MLFLOW_TRACKING_URI=folder.as_uri(),
        MLFLOW_DISABLE_TELEMETRY="true",
        UVICORN_LOG_LEVEL="warning",
        UVICORN_ACCESS_LOG="false",
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    saved = folder / f"model-{sys.argv[1]}"
    mlflow.pyfunc.save_model(saved, python_model=__file__, pip_requirements=[])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(saved)]
    command += ["--host", "127.0.0.1", "--port", sys.argv[1], "--workers", "1"]
    os.execv(sys.executable, [*command, "--env-manager", "local"])
else:
    mlflow.models.set_model(Wisconsin())

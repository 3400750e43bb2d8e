"""BentoML: a service class with one worker and a pydantic model, run by `bentoml serve`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
from pydantic import BaseModel, Field

from model.artifacts import artifact

Score = Annotated[int, Field(ge=1, le=10)]


class Patient(BaseModel):
    """One row."""

    clump_thickness: Score
    uniformity_of_cell_size: Score
    uniformity_of_cell_shape: Score
    marginal_adhesion: Score
    single_epithelial_cell_size: Score
    bare_nuclei: Score | None = None
    bland_chromatin: Score
    normal_nucleoli: Score
    mitoses: Score


class Prediction(BaseModel):
    """The prediction of one row."""

    probability: float
    label: str


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Wisconsin:
    """The service."""

    def __init__(self) -> None:
        self.predictor = artifact.load(Path(os.environ["BENCHMARK_ARTIFACT"]))

    def predictions(self, rows: list[list[float]]) -> list[Prediction]:
        """Return one prediction per row."""
        threshold = self.predictor.threshold
        probabilities = self.predictor.predict(np.array(rows, dtype=np.float64))[:, 0]
        return [
            Prediction(probability=value, label="malignant" if value > threshold else "benign")
            for value in probabilities.tolist()
        ]

    @bentoml.api  # type: ignore[untyped-decorator]
    async def predict(self, patient: Patient, /) -> Prediction:
        """Predict one row; the body is its object."""
        return self.predictions([list(patient.model_dump().values())])[0]

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict_many(self, instances: list[list[float]]) -> list[Prediction]:
        """Predict many rows, as arrays."""
        return self.predictions(instances)


if __name__ == "__main__":
    environment = {
        **os.environ,
        "BENCHMARK_ARTIFACT": sys.argv[2],
        "BENTOML_DO_NOT_TRACK": "True",
        "BENTOML_HOME": str(Path.cwd() / "bentoml"),
        "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ['PYTHONPATH']}",
    }
    command = [sys.executable, "-m", "bentoml", "serve", "on_bentoml:Wisconsin"]
    os.execve(sys.executable, [*command, "--host", "127.0.0.1", "--port", sys.argv[1]], environment)

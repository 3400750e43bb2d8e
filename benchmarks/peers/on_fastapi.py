"""The usual FastAPI service: a pydantic model in, a pydantic model out, the same predictor.

/async is `async def`, /def is `def` (in a thread), /batch takes many rows.
"""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

from model.artifacts import artifact

predictor = artifact.load(Path(sys.argv[2]))
threshold = predictor.threshold
app = FastAPI()
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


class Patients(BaseModel):
    """Many rows."""

    instances: list[Patient]


class Prediction(BaseModel):
    """The prediction of one row."""

    probability: float
    label: str


class RowResponse(Prediction):
    """The response for one row."""

    threshold: float
    model: str


class BatchResponse(BaseModel):
    """The response for many rows."""

    predictions: list[Prediction]
    threshold: float
    model: str


def probabilities(patients: list[Patient]) -> list[float]:
    """Return one probability per row."""
    rows = np.array([list(patient.model_dump().values()) for patient in patients], dtype=np.float64)
    values: list[float] = predictor.predict(rows)[:, 0].tolist()
    return values


def label_of(probability: float) -> str:
    """Return the label at the model's threshold."""
    return "malignant" if probability > threshold else "benign"


def respond(patient: Patient) -> RowResponse:
    """Return the response for one row."""
    probability = probabilities([patient])[0]
    return RowResponse(
        probability=probability,
        label=label_of(probability),
        threshold=threshold,
        model=predictor.title,
    )


@app.get("/health/live")
async def live() -> dict[str, str]:
    """Answer the liveness probe."""
    return {"status": "live"}


@app.post("/async", response_model=RowResponse)
async def predict_async(patient: Patient) -> RowResponse:
    """Predict one row on the event loop."""
    return respond(patient)


@app.post("/def", response_model=RowResponse)
def predict_def(patient: Patient) -> RowResponse:
    """Predict one row in a thread."""
    return respond(patient)


@app.post("/batch", response_model=BatchResponse)
def predict_batch(patients: Patients) -> BatchResponse:
    """Predict many rows in a thread."""
    predictions = [
        Prediction(probability=probability, label=label_of(probability))
        for probability in probabilities(patients.instances)
    ]
    return BatchResponse(predictions=predictions, threshold=threshold, model=predictor.title)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)

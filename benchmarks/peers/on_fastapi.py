"""The usual FastAPI service: a pydantic model in, a pydantic model out, the same predictor.

/async is `async def`, /def is `def` (in a thread), /batch takes many.
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
    """One case."""

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
    """Many cases."""

    instances: list[Patient]


class Prediction(BaseModel):
    """Of one case."""

    probability: float
    label: str


class Answer(Prediction):
    """To one case."""

    threshold: float
    model: str


class Answers(BaseModel):
    """To many cases."""

    predictions: list[Prediction]
    threshold: float
    model: str


def probabilities(patients: list[Patient]) -> list[float]:
    """One for each."""
    rows = np.array([list(patient.model_dump().values()) for patient in patients], dtype=np.float64)
    values: list[float] = predictor.predict(rows)[:, 0].tolist()
    return values


def label_of(probability: float) -> str:
    """A label."""
    return "malignant" if probability > threshold else "benign"


def answer(patient: Patient) -> Answer:
    """To one case."""
    probability = probabilities([patient])[0]
    return Answer(
        probability=probability,
        label=label_of(probability),
        threshold=threshold,
        model=predictor.title,
    )


@app.get("/health/live")
async def live() -> dict[str, str]:
    """It answers."""
    return {"status": "live"}


@app.post("/async", response_model=Answer)
async def predict_async(patient: Patient) -> Answer:
    """One case, on the event loop."""
    return answer(patient)


@app.post("/def", response_model=Answer)
def predict_def(patient: Patient) -> Answer:
    """One case, in a thread."""
    return answer(patient)


@app.post("/batch", response_model=Answers)
def predict_batch(patients: Patients) -> Answers:
    """Many cases, in a thread."""
    predictions = [
        Prediction(probability=probability, label=label_of(probability))
        for probability in probabilities(patients.instances)
    ]
    return Answers(predictions=predictions, threshold=threshold, model=predictor.title)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)

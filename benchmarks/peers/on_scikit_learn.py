"""The usual FastAPI service around a scikit-learn pipeline with MLPClassifier, 9-15-1."""

import sys
from typing import Annotated

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

pipeline = joblib.load(sys.argv[2])
app = FastAPI()
Score = Annotated[int, Field(ge=1, le=10)]


class Patient(BaseModel):
    """One row."""

    clump_thickness: Score
    uniformity_of_cell_size: Score
    uniformity_of_cell_shape: Score
    marginal_adhesion: Score
    single_epithelial_cell_size: Score
    bare_nuclei: Score
    bland_chromatin: Score
    normal_nucleoli: Score
    mitoses: Score


class RowResponse(BaseModel):
    """The response for one row."""

    probability: float
    label: str


@app.get("/health/live")
async def live() -> dict[str, str]:
    """Answer the liveness probe."""
    return {"status": "live"}


@app.post("/async", response_model=RowResponse)
async def predict(patient: Patient) -> RowResponse:
    """Predict one row on the event loop."""
    row = np.array([list(patient.model_dump().values())], dtype=np.float64)
    probability = float(pipeline.predict_proba(row)[0, 1])
    return RowResponse(
        probability=probability, label="malignant" if probability > 0.5 else "benign"
    )


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)

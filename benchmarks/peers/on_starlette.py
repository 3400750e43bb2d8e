"""Starlette with json.loads and without validation: the same predictor."""

import json
import sys
from pathlib import Path

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from model.artifacts import artifact

predictor = artifact.load(Path(sys.argv[2]))
names = predictor.schema.names


async def predict(request: Request) -> JSONResponse:
    """Predict one row; GET answers the readiness probe."""
    if request.method == "GET":
        return JSONResponse({"status": "live"})
    patient = json.loads(await request.body())
    row = np.array([[patient[name] for name in names]], dtype=np.float64)
    probability = float(predictor.predict(row)[0, 0])
    return JSONResponse(
        {
            "probability": probability,
            "label": "malignant" if probability > predictor.threshold else "benign",
            "threshold": predictor.threshold,
            "model": predictor.title,
        }
    )


app = Starlette(routes=[Route("/predict", predict, methods=["GET", "POST"])])

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)

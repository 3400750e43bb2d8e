"""LitServe: one API process and one worker on the CPU, connected by ZeroMQ."""

import sys
from pathlib import Path
from typing import Any

import litserve
import numpy as np
from fastapi import Request

from model.artifacts import artifact


class Wisconsin(litserve.LitAPI):  # type: ignore[misc]
    """One row: an object in, probability and label out."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        """Load the artifact in the worker."""
        self.predictor = artifact.load(Path(sys.argv[2]))

    # With this annotation, LitServe passes the JSON.
    def decode_request(self, request: Request, **_: Any) -> Any:
        """Return the row of a request."""
        patient = [request[name] for name in self.predictor.schema.names]
        return np.array([patient], dtype=np.float64)

    def predict(self, row: Any, **_: Any) -> float:
        """Return the row's probability."""
        return float(self.predictor.predict(row)[0, 0])

    def encode_response(self, probability: float, **_: Any) -> dict[str, Any]:
        """Return the response."""
        above = probability > self.predictor.threshold
        return {"probability": probability, "label": "malignant" if above else "benign"}


if __name__ == "__main__":
    server = litserve.LitServer(Wisconsin(), accelerator="cpu", fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )

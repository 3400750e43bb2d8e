"""MLServer: a custom model in the server's process, which suits small models best."""

import asyncio
import socket
import sys
from pathlib import Path

import numpy as np
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.settings import ModelParameters
from mlserver.types import InferenceRequest, InferenceResponse

from model.artifacts import artifact


class Wisconsin(MLModel):  # type: ignore[misc]
    """One tensor in, probabilities and labels out."""

    async def load(self) -> bool:
        """Read the artifact."""
        self.predictor = artifact.load(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return one probability and one label per row."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        probabilities = self.predictor.predict(np.asarray(rows, dtype=np.float64))
        above = probabilities[:, 0] > self.predictor.threshold
        labels = ["malignant" if each else "benign" for each in above.tolist()]
        outputs = [
            NumpyCodec.encode_output("probability", probabilities),
            StringCodec.encode_output("label", labels),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def free_port() -> int:
    """Return a free port for gRPC, which MLServer serves as well."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


async def main() -> None:
    """Serve until a signal stops the server."""
    settings = Settings(
        host="127.0.0.1",
        http_port=int(sys.argv[1]),
        grpc_port=free_port(),
        metrics_endpoint=None,
        parallel_workers=0,
        debug=False,
        gzip_enabled=False,
    )
    model = ModelSettings(
        name="wisconsin", implementation=Wisconsin, parameters=ModelParameters(uri=sys.argv[2])
    )
    await MLServer(settings).start([model])


if __name__ == "__main__":
    asyncio.run(main())

"""NVIDIA's client of the Open Inference Protocol works unchanged, synchronous and asynchronous."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from model.prediction.predictor import Predictor

pytestmark = pytest.mark.anyio
REASON = "needs tritonclient: make oracles"
triton: Any = pytest.importorskip("tritonclient.http", reason=REASON)
triton_aio: Any = pytest.importorskip("tritonclient.http.aio", reason=REASON)
utils: Any = pytest.importorskip("tritonclient.utils", reason=REASON)

ROWS = np.array(
    [[1, 1, 1, 1, 2, 1, 1, 1, 1], [10, 9, 10, 8, 9, 10, 9, 10, 3], [5, 4, 4, 5, 7, 10, 3, 2, 1]]
)


@pytest.fixture
def client(wisconsin_port: int) -> Iterator[Any]:
    with triton.InferenceServerClient(f"127.0.0.1:{wisconsin_port}") as client:
        yield client


def input_tensor(module: Any, datatype: str, binary: bool) -> Any:
    tensor = module.InferInput("input", list(ROWS.shape), datatype)
    return tensor.set_data_from_numpy(ROWS.astype(utils.triton_to_np_dtype(datatype)), binary)


def assert_correct(result: Any, wisconsin: Predictor, threshold: float | None = None) -> None:
    probabilities = wisconsin.predict(ROWS.astype(np.float64))
    np.testing.assert_allclose(result.as_numpy("probability"), probabilities, rtol=1e-12)
    above = probabilities > (wisconsin.threshold if threshold is None else threshold)
    labels = [
        each.decode() if isinstance(each, bytes) else each
        for each in result.as_numpy("label").ravel().tolist()
    ]
    assert labels == ["malignant" if each else "benign" for each in above[:, 0]]


def test_server_and_model_state(client: Any, wisconsin: Predictor) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("wisconsin")
    assert client.is_model_ready("wisconsin", wisconsin.version)
    assert not client.is_model_ready("none")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata("wisconsin")["inputs"][0]["shape"] == [-1, 9]
    (indexed,) = client.get_model_repository_index()
    assert (indexed["name"], indexed["state"]) == ("wisconsin", "READY")


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("datatype", ["FP64", "FP32", "FP16", "BF16", "INT64", "UINT8"])
def test_inference(
    client: Any, wisconsin: Predictor, datatype: str, binary: bool, compression: str | None
) -> None:
    if datatype in ("FP16", "BF16") and not binary:
        pytest.skip("the client sends 16-bit floats only as binary data")
    result = client.infer(
        "wisconsin",
        [input_tensor(triton, datatype, binary)],
        request_id="one",
        request_compression_algorithm=compression,
        response_compression_algorithm=compression,
    )
    assert result.get_response()["id"] == "one"
    assert_correct(result, wisconsin)


@pytest.mark.parametrize("binary", [False, True])
def test_outputs_and_threshold_are_selected(
    client: Any, wisconsin: Predictor, binary: bool
) -> None:
    outputs = [triton.InferRequestedOutput(name, binary) for name in ("label", "probability")]
    result = client.infer(
        "wisconsin",
        [input_tensor(triton, "FP64", True)],
        wisconsin.version,
        outputs=outputs,
        parameters={"threshold": 0.999},
    )
    assert_correct(result, wisconsin, 0.999)
    assert [each["name"] for each in result.get_response()["outputs"]] == ["label", "probability"]


def test_classification(client: Any, wisconsin: Predictor) -> None:
    for binary in (False, True):
        outputs = [triton.InferRequestedOutput("probability", binary, class_count=1)]
        result = client.infer("wisconsin", [input_tensor(triton, "FP64", True)], outputs=outputs)
        classes = [
            (each.decode() if isinstance(each, bytes) else each).split(":")
            for each in result.as_numpy("probability").ravel().tolist()
        ]
        probabilities = wisconsin.predict(ROWS.astype(np.float64))[:, 0]
        np.testing.assert_allclose([float(value) for value, *_ in classes], probabilities)
        assert [rest for _, *rest in classes] == [["0", "malignant"]] * len(ROWS)


def test_parameters_without_a_meaning_are_ignored(client: Any, wisconsin: Predictor) -> None:
    result = client.infer(
        "wisconsin",
        [input_tensor(triton, "FP64", True)],
        sequence_id=7,
        sequence_start=True,
        sequence_end=True,
        priority=2,
        timeout=1_000_000,
    )
    assert_correct(result, wisconsin)


def test_statistics_and_configuration(client: Any, wisconsin: Predictor) -> None:
    def counts(*which: str) -> tuple[int, int]:
        (statistics,) = client.get_inference_statistics(*which)["model_stats"]
        return statistics["inference_count"], statistics["inference_stats"]["success"]["count"]

    names = [(), ("wisconsin",), ("wisconsin", wisconsin.version)]
    rows, requests = counts()
    client.infer("wisconsin", [input_tensor(triton, "FP64", True)])
    for which in names:
        assert counts(*which) == (rows + len(ROWS), requests + 1)
    config = client.get_model_config("wisconsin", wisconsin.version)
    assert config["input"] == [{"name": "input", "data_type": "TYPE_FP64", "dims": [9]}]
    assert config["max_batch_size"] > 0


def test_one_tensor_per_feature(client: Any, wisconsin: Predictor) -> None:
    tensors = []
    for name, column in zip(wisconsin.schema.names, ROWS.T, strict=True):
        tensor = triton.InferInput(name, [len(column), 1], "INT32")
        tensors.append(tensor.set_data_from_numpy(column[:, None].astype(np.int32)))
    assert_correct(client.infer("wisconsin", tensors), wisconsin)


def test_errors_are_shown(client: Any) -> None:
    tensor = triton.InferInput("input", [1, 9], "INT32")
    tensor.set_data_from_numpy(np.full((1, 9), 11, dtype=np.int32))
    with pytest.raises(utils.InferenceServerException, match="row 0: clump_thickness must be"):
        client.infer("wisconsin", [tensor])
    with pytest.raises(utils.InferenceServerException, match="no model of this name"):
        client.get_model_metadata("none")
    with pytest.raises(utils.InferenceServerException, match="loaded from the files in the settin"):
        client.load_model("wisconsin")
    with pytest.raises(utils.InferenceServerException, match="loaded from the files in the settin"):
        client.unload_model("wisconsin")
    with pytest.raises(utils.InferenceServerException, match="Shared memory is not supported"):
        client.get_system_shared_memory_status()
    with pytest.raises(utils.InferenceServerException, match="follow the settings"):
        client.update_log_settings({"log_info": False})


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
async def test_asynchronous_client(
    wisconsin_port: int, wisconsin: Predictor, compression: str | None
) -> None:
    async with triton_aio.InferenceServerClient(f"127.0.0.1:{wisconsin_port}") as client:
        assert await client.is_server_ready()
        assert (await client.get_model_repository_index())[0]["name"] == "wisconsin"
        result = await client.infer(
            "wisconsin",
            [input_tensor(triton_aio, "FP32", True)],
            request_compression_algorithm=compression,
            response_compression_algorithm=compression,
        )
        assert_correct(result, wisconsin)

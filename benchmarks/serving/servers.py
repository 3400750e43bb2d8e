"""The contestants of `benchmarks/serving/compare.py`: their servers and requests."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.harness.closed_loop import Request
from benchmarks.harness.processes import ROOT, Server
from model.arrays import Array

PROGRAMS = ROOT / "benchmarks" / "peers"
BARE, OURS, ARTICLE = "bare uvicorn", "ours", "ours, article"
FASTAPI, MLSERVER = "FastAPI, async def", "MLServer"


@dataclass(frozen=True)
class Contestant:
    """One row of the table.

    Attributes:
        name: The name in the table.
        server: The server.
        request: The request for one row.
    """

    name: str
    server: Server
    request: Request


@dataclass(frozen=True)
class Models:
    """The artifacts to serve.

    Attributes:
        default: The artifact of the recipe `wisconsin`.
        article: The artifact of the recipe `article`.
        names: The names of the features.
        folder: A temporary folder.
    """

    default: Path
    article: Path
    names: tuple[str, ...]
    folder: Path


def rows_of(count: int) -> Array:
    """Return random scores from 1 to 10, `(count, 9)`."""
    return np.random.default_rng(0).integers(1, 11, (count, 9))


def named(names: tuple[str, ...], rows: Array) -> list[dict[str, int]]:
    """Return each row as an object."""
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


def v2_body(rows: Array) -> bytes:
    """Return an Open Inference Protocol request with one tensor, as JSON."""
    tensor = {"name": "input", "shape": rows.shape, "datatype": "FP64", "data": rows.tolist()}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


def body_of(content: object) -> bytes:
    """Return content as compact JSON."""
    return json.dumps(content, separators=(",", ":")).encode()


def ours(name: str, artifact: Path, *flags: str) -> Server:
    """Return the server `python -m service`."""
    command = (sys.executable, "-m", "service", "--host", "127.0.0.1", "--port", "PORT")
    return Server(name, (*command, "--artifact", str(artifact), *flags), "/health/ready")


def essential(models: Models) -> Iterator[Contestant]:
    """Yield the floor, the service, and FastAPI."""
    one = Request("/predict", _one_row(models))
    yield Contestant(BARE, _program(BARE, "on_uvicorn.py", models.default), one)
    yield Contestant(OURS, ours(OURS, models.default), one)
    yield Contestant(FASTAPI, _fastapi(models), Request("/async", one.body))


def others(models: Models, peers: Path | None) -> Iterator[Contestant]:
    """Yield the other contestants that can run here; print why the rest cannot.

    Args:
        models: The artifacts.
        peers: The folder of the model servers' virtual environments.
    """
    one = _one_row(models)
    predict = Request("/predict", one)
    without_log = f"{OURS}, no access log"
    server = ours(without_log, models.default, "--access-log", "false")
    yield Contestant(without_log, server, predict)
    yield Contestant(ARTICLE, ours(ARTICLE, models.article), predict)
    starlette = _program("Starlette", "on_starlette.py", models.default, "/predict")
    yield Contestant("Starlette, json.loads", starlette, predict)
    yield Contestant("FastAPI, def", _fastapi(models), Request("/def", one))
    try:
        pipeline = _scikit_learn_pipeline(models)
    except ImportError:
        print("  (scikit-learn is not installed)")
    else:
        around = _program("FastAPI, scikit-learn", "on_scikit_learn.py", pipeline)
        yield Contestant("FastAPI, scikit-learn", around, Request("/async", one))
    yield from _peers(models, peers, one)


def _one_row(models: Models) -> bytes:
    return body_of(named(models.names, rows_of(1))[0])


def _program(name: str, file: str, argument: Path, ready: str = "/health/live") -> Server:
    command = (sys.executable, str(PROGRAMS / file), "PORT", str(argument))
    return Server(name, command, ready)


def _fastapi(models: Models) -> Server:
    return _program("FastAPI", "on_fastapi.py", models.default)


def _peers(models: Models, folder: Path | None, one: bytes) -> Iterator[Contestant]:
    """Yield model servers, each from a separate virtual environment."""
    row = rows_of(1)
    for name, ready, request in (
        (MLSERVER, "/v2/health/ready", Request("/v2/models/wisconsin/infer", v2_body(row))),
        ("BentoML", "/readyz", Request("/predict", one)),
        ("LitServe", "/health", Request("/predict", one)),
        ("MLflow", "/ping", Request("/invocations", body_of({"inputs": row.tolist()}))),
        ("RayServe", "/-/healthz", Request("/predict", one)),
    ):
        short = name.lower()
        if folder is None:
            print(f"  ({name} is left out without --peers)")
            continue
        python = folder.absolute() / short / "bin" / "python"
        if not python.exists():
            print(f"  ({name} is left out: there is no {python})")
            continue
        command = (str(python), str(PROGRAMS / f"on_{short}.py"), "PORT", str(models.default))
        yield Contestant(name, Server(name, command, ready), request)


def _scikit_learn_pipeline(models: Models) -> Path:
    """Save a 9-15-1 MLPClassifier, fitted to the complete rows. Raises ImportError."""
    import joblib
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    table = np.genfromtxt(
        ROOT / "data" / "breast-cancer-wisconsin.csv", delimiter=",", names=True, dtype=None
    )
    rows = np.array([table[name] for name in models.names], dtype=np.float64).T
    complete = (rows > 0).all(axis=1)  # a missing integer was read as -1
    network = MLPClassifier((15,), max_iter=2000, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    pipeline.fit(rows[complete], table["class"][complete] == "malignant")
    file = models.folder / "pipeline.joblib"
    joblib.dump(pipeline, file)
    return file

"""Many rows per request on one connection: rows per second, beside each encoding's floor.

The floor (floors.py) runs in this process, on the servers' core, in the same rounds. Ratios are of
wall-clock time, which includes the client's work, and of the CPU time of server and floor. The
network's share is that of `Predictor.predict` in the CPU time of the server.
"""

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.harness import table
from benchmarks.harness.closed_loop import Connection, Request
from benchmarks.harness.processes import SERVER_CORE, Running, Server, on_cores
from benchmarks.serving import floors
from benchmarks.serving.servers import ARTICLE, OURS, Models, body_of, named, rows_of, v2_body
from model.arrays import Array
from model.artifacts import artifact
from model.prediction.predictor import Predictor

ROWS = 10_000
TURN_SECONDS = 0.5
COLUMNS = ("rows/s", "floor rows/s", "time ÷ floor", "CPU ÷ floor", "network %")
NETWORK = "network"
ARROW = "application/vnd.apache.arrow.stream"
FLOORS = {
    "JSON arrays": floors.json_arrays,
    "JSON objects": floors.json_objects,
    "CSV": floors.csv,
    "v2 JSON tensor": floors.v2_json,
    "v2 binary tensor": floors.v2_binary,
    "Arrow stream": floors.arrow,
}


@dataclass(frozen=True)
class Way:
    """Rows in one encoding, as a request to one server.

    Attributes:
        server: The server's name.
        name: The encoding's name.
        request: The request.
    """

    server: str
    name: str
    request: Request

    @property
    def title(self) -> str:
        """Server and encoding."""
        return f"{self.server}: {self.name}"


def _v2_binary(rows: Array) -> Request:
    """Return a request with one binary tensor, for binary probabilities."""
    content = np.ascontiguousarray(rows, dtype="<f8").tobytes()
    size = {"binary_data_size": len(content)}
    tensor = {"name": "input", "shape": rows.shape, "datatype": "FP64", "parameters": size}
    output = {"name": "probability", "parameters": {"binary_data": True}}
    head = body_of({"inputs": [tensor], "outputs": [output]})
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return Request("", head + content, headers)


def _arrow(names: tuple[str, ...], rows: Array) -> Request:
    """Return a request with one record batch, for a response in Arrow. Raises ImportError."""
    import pyarrow

    batch = pyarrow.record_batch(dict(zip(names, rows.T, strict=True)))
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    headers = {"Content-Type": ARROW, "Accept": ARROW}
    return Request("/predict", sink.getvalue().to_pybytes(), headers)


def ways_of_ours(server: str, names: tuple[str, ...], v2: str, rows: Array) -> Iterator[Way]:
    """Yield all encodings that the service accepts.

    Args:
        server: The server's name.
        names: The names of the features.
        v2: The path of Open Inference Protocol requests.
        rows: The rows.
    """
    arrays = body_of({"instances": rows.tolist()})
    objects = body_of({"instances": named(names, rows)})
    yield Way(server, "JSON arrays", Request("/predict", arrays))
    yield Way(server, "JSON objects", Request("/predict", objects))
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows.tolist()), ""]
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
    csv = Request("/predict", "\n".join(lines).encode(), headers)
    yield Way(server, "CSV", csv)
    yield Way(server, "v2 JSON tensor", Request(v2, v2_body(rows)))
    yield Way(server, "v2 binary tensor", replace(_v2_binary(rows), path=v2))
    try:
        yield Way(server, "Arrow stream", _arrow(names, rows))
    except ImportError:
        print("  (pyarrow is not installed)")


def _ways_of_others(names: tuple[str, ...], rows: Array) -> list[Way]:
    """Return one way per peer."""
    objects = body_of({"instances": named(names, rows)})
    arrays = body_of({"instances": rows.tolist()})
    inputs = body_of({"inputs": rows.tolist()})
    v2 = Request("/v2/models/wisconsin/infer", v2_body(rows))
    return [
        Way("FastAPI", "JSON objects", Request("/batch", objects)),
        Way("MLServer", "v2 JSON tensor", v2),
        Way("BentoML", "JSON arrays", Request("/predict_many", arrays)),
        Way("MLflow", "JSON arrays", Request("/invocations", inputs)),
    ]


class Spent(NamedTuple):
    """Seconds of a call.

    Attributes:
        clock: Wall-clock time.
        cpu: CPU time.
    """

    clock: float
    cpu: float


def _turn(call: Callable[[], object], cpu_seconds: Callable[[], float]) -> Spent:
    """Return the mean time of a call, over as many calls as fit into a turn."""
    cpu, start, calls = cpu_seconds(), time.perf_counter(), 0
    while time.perf_counter() < start + TURN_SECONDS:
        call()
        calls += 1
    clock = time.perf_counter() - start
    return Spent(clock / calls, (cpu_seconds() - cpu) / calls)


def _time_request(running: Running, request: Request) -> Spent:
    """Return the mean time of a request; NaN if a response was not 200."""
    statuses: set[int] = set()
    with running.awake(), Connection(running.port) as connection:
        connection.send(request)  # warms up
        spent = _turn(lambda: statuses.add(connection.send(request)[0]), running.cpu_seconds)
    return spent if statuses == {200} else Spent(np.nan, np.nan)


def _served(ways: Iterable[Way], running: Mapping[str, Running]) -> Iterator[Way]:
    """Yield the ways that are answered with 200; print the status of the others."""
    for way in ways:
        server = running.get(way.server)
        if server is None:
            continue
        with server.awake(), Connection(server.port) as connection:
            status, _ = connection.send(way.request)
        if status == 200:
            yield way
        else:
            print(f"  ({way.title} is not served: {status})")


def _measure(
    predictor: Predictor,
    rows: Array,
    ways: list[Way],
    floor_of: Mapping[str, Request],
    running: Mapping[str, Running],
    rounds: int,
) -> dict[str, list[Spent]]:
    """Return the times of each way by its title, of each floor by its encoding's name, and NETWORK.

    Args:
        predictor: The model.
        rows: The rows.
        ways: The requests to the servers.
        floor_of: The request that each floor answers, by the encoding's name.
        running: The servers by name.
        rounds: The number of rounds.
    """
    times: dict[str, list[Spent]] = {way.title: [] for way in ways}
    names = {way.name for way in ways}
    calls: dict[str, Callable[[], object]] = {
        name: partial(FLOORS[name], predictor, floor_of[name]) for name in sorted(names)
    }
    calls[NETWORK] = partial(predictor.predict, rows.astype(np.float64))
    times |= {name: [] for name in calls}
    floors.keep_memory()
    gc.collect()
    gc.freeze()  # otherwise each collection traverses all objects of this process
    for number in range(rounds):
        for way in ways[:: -1 if number % 2 else 1]:
            times[way.title].append(_time_request(running[way.server], way.request))
        for name, call in calls.items():
            with on_cores(SERVER_CORE):
                times[name].append(_turn(call, time.process_time))
    return times


def show(models: Models, servers: Mapping[Server, Running], rounds: int) -> dict[str, object]:
    """Print a table for each model.

    Args:
        models: The artifacts.
        servers: The started servers.
        rounds: The number of rounds.

    Returns:
        The seconds per request in each round.
    """
    running = {server.name: each for server, each in servers.items()}
    rows, saved = rows_of(ROWS), {}
    for path, ours in ((models.default, OURS), (models.article, ARTICLE)):
        predictor = artifact.load(path)
        v2 = f"/v2/models/{predictor.name}/infer"
        our_ways = list(ways_of_ours(ours, models.names, v2, rows))
        ways = list(_served(our_ways, running))
        if path == models.default:
            ways += _served(_ways_of_others(models.names, rows), running)
        floor_of = {way.name: way.request for way in our_ways}
        times = saved[ours] = _measure(predictor, rows, ways, floor_of, running, rounds)
        title = f"{ROWS:,} rows per request, one connection, {predictor.title}"
        table.show(title, COLUMNS, ((way.title, _figures(way, times)) for way in ways))
    return dict(saved)


def _figures(way: Way, times: Mapping[str, list[Spent]]) -> list[float]:
    """Return the figures of COLUMNS; NaN if a response was not 200."""
    server, floor, network = (np.array(times[name]) for name in (way.title, way.name, NETWORK))
    seconds, floor_seconds = np.median(server, axis=0)[0], np.median(floor, axis=0)[0]
    time_ratio, cpu_ratio = np.median(server / floor, axis=0)
    share = np.median(network[:, 1] / server[:, 1])
    return [ROWS / seconds, ROWS / floor_seconds, time_ratio, cpu_ratio, 100 * share]

"""Large tables: rows per second, the service's peak memory, and the latency of other requests.

The program starts a service of the artifact and streams generated CSV to it; nothing is stored.
Meanwhile another client sends single rows. Then the media types are compared, on prepared requests
of --rows rows. Linux only: the memory is read from /proc.
"""

import argparse
import http.client
import io
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from model.arrays import Array
from model.artifacts import artifact
from service.codecs.negotiation import ARROW, CSV, JSON, NDJSON

ROWS = 50_000  # per chunk


def random_scores(rows: int, features: int) -> Array:
    """Return random scores from 1 to 10, `(rows, features)`."""
    return np.random.default_rng(0).integers(1, 11, (rows, features))


def csv_rows(scores: Array) -> bytes:
    """Return rows as CSV without a header."""
    return "".join(",".join(map(str, row)) + "\n" for row in scores.tolist()).encode()


@contextmanager
def serving(path: Path) -> Iterator[tuple[int, int]]:
    """Start a service of this artifact; yield its process id and port."""
    command = [sys.executable, "-m", "service", "--port", "0", "--artifact", str(path)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        found = (re.search(r"http://127\.0\.0\.1:([1-9]\d*)", line) for line in process.stderr)
        port = int(next(match for match in found if match)[1])
        # The service logs every request and blocks when the pipe is full.
        reader = threading.Thread(target=process.stderr.read)
        reader.start()
        try:
            yield process.pid, port
        finally:
            process.terminate()
            reader.join()


def peak_megabytes(pid: int) -> float:
    """Return the peak resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 / 1e6


def post(port: int, body: bytes | Iterator[bytes], media_type: str) -> int:
    """Send a body and return the size of the response in bytes."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/predict", body, {"Content-Type": media_type})
    answer = connection.getresponse()
    size = 0
    while chunk := answer.read(1 << 20):
        size += len(chunk)
    connection.close()
    if answer.status != 200:
        sys.exit(f"{media_type}: {answer.status}")
    return size


def time_requests(port: int, body: bytes, done: threading.Event, seconds: list[float]) -> None:
    """Append the seconds of one request after another to `seconds`."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not done.is_set():
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": JSON})
        connection.getresponse().read()
        seconds.append(time.perf_counter() - start)
        time.sleep(0.01)
    connection.close()


def stream(pid: int, port: int, names: tuple[str, ...], size: int) -> None:
    """Send `size` bytes of CSV and print rates, memory and the other client's latencies."""
    chunk = csv_rows(random_scores(ROWS, len(names)))
    chunks = -(-size // len(chunk))
    row = json.dumps(dict.fromkeys(names, 1)).encode()
    done, seconds = threading.Event(), list[float]()
    other = threading.Thread(target=time_requests, args=(port, row, done, seconds))
    other.start()
    header = (",".join(names) + "\n").encode()
    body = (header if number < 0 else chunk for number in range(-1, chunks))
    start = time.perf_counter()
    response_bytes = post(port, body, CSV)
    elapsed = time.perf_counter() - start
    done.set()
    other.join()
    rows = chunks * ROWS
    print(
        f"{chunks * len(chunk) / 1e6:,.0f} MB of CSV, {rows:,} rows, "
        f"{response_bytes / 1e6:,.0f} MB out"
    )
    print(f"  {elapsed:.1f} s, {rows / elapsed:,.0f} rows/s, peak {peak_megabytes(pid):.0f} MB")
    median, p99 = statistics.median(seconds), float(np.quantile(seconds, 0.99))
    print(f"  single rows of another client: p50 {1e3 * median:.1f} ms, p99 {1e3 * p99:.1f} ms")


def bodies(names: tuple[str, ...], rows: int) -> dict[str, bytes]:
    """Return the same rows in every media type."""
    scores = random_scores(rows, len(names))
    lists = scores.tolist()
    encoded = {
        JSON: json.dumps({"instances": lists}).encode(),
        CSV: (",".join(names) + "\n").encode() + csv_rows(scores),
        NDJSON: "".join(json.dumps(row) + "\n" for row in lists).encode(),
    }
    try:
        import pyarrow
    except ImportError:
        return encoded
    table = pyarrow.table(dict(zip(names, scores.T.astype(np.float64), strict=True)))
    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, ROWS)
    return encoded | {ARROW: sink.getvalue()}


def compare(port: int, names: tuple[str, ...], rows: int, rounds: int) -> None:
    """Print the rows per second of each media type, in paired rounds."""
    encoded = bodies(names, rows)
    rates: dict[str, list[float]] = {media_type: [] for media_type in encoded}
    for number in range(rounds + 1):
        for media_type, body in encoded.items():
            start = time.perf_counter()
            post(port, body, media_type)
            if number:
                rates[media_type].append(rows / (time.perf_counter() - start))
    print(f"{rows:,} rows per request, medians of {rounds} rounds")
    for media_type, found in rates.items():
        ratio = statistics.median(a / b for a, b in zip(found, rates[JSON], strict=True))
        print(f"  {media_type:38}{statistics.median(found):11,.0f} rows/s {ratio:6.1f} ×")


def main() -> None:
    """Print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--artifact",
        type=Path,
        default=Path("artifacts/wisconsin.joblib"),
        help="artifact to serve [default: %(default)s]",
    )
    parser.add_argument(
        "--bytes",
        type=int,
        default=1_000_000_000,
        help="size of the streamed CSV in bytes [default: %(default)s]",
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=100_000,
        help="rows per request, in each media type [default: %(default)s]",
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="number of paired rounds [default: %(default)s]"
    )
    chosen = parser.parse_args()
    names = artifact.load(chosen.artifact).schema.names
    with serving(chosen.artifact) as (pid, port):
        stream(pid, port, names, chosen.bytes)
        compare(port, names, chosen.rows, chosen.rounds)


if __name__ == "__main__":
    main()

"""How large tables are answered: rows a second, the service's peak memory, and others' waits.

A service of the artifact is started; CSV is sent to it from a generator, nothing of it is stored.
Meanwhile another client asks about one patient at a time. Then the media types are compared, on
requests of so many rows that are made beforehand. Linux only: the memory is read from /proc.
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

ROWS = 50_000  # a piece


def drawn(rows: int, features: int) -> Array:
    """Random scores from 1 to 10."""
    return np.random.default_rng(0).integers(1, 11, (rows, features))


def csv_rows(scores: Array) -> bytes:
    """Rows without a header."""
    return "".join(",".join(map(str, row)) + "\n" for row in scores.tolist()).encode()


@contextmanager
def serving(path: Path) -> Iterator[tuple[int, int]]:
    """The process id and the port of a service of this artifact."""
    command = [sys.executable, "-m", "service", "--port", "0", "--artifact", str(path)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        found = (re.search(r"http://127\.0\.0\.1:([1-9]\d*)", line) for line in process.stderr)
        port = int(next(match for match in found if match)[1])
        # It logs every request, and would wait for someone to read that.
        reader = threading.Thread(target=process.stderr.read)
        reader.start()
        try:
            yield process.pid, port
        finally:
            process.terminate()
            reader.join()


def peak_megabytes(pid: int) -> float:
    """The most memory a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 / 1e6


def post(port: int, body: bytes | Iterator[bytes], media_type: str) -> int:
    """How many bytes are answered."""
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


def waits(port: int, body: bytes, done: threading.Event, found: list[float]) -> None:
    """The seconds of one request after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not done.is_set():
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": JSON})
        connection.getresponse().read()
        found.append(time.perf_counter() - start)
        time.sleep(0.01)
    connection.close()


def stream(pid: int, port: int, names: tuple[str, ...], size: int) -> None:
    """Send so many bytes of CSV."""
    piece = csv_rows(drawn(ROWS, len(names)))
    pieces = -(-size // len(piece))
    row = json.dumps(dict.fromkeys(names, 1)).encode()
    done, seconds = threading.Event(), list[float]()
    other = threading.Thread(target=waits, args=(port, row, done, seconds))
    other.start()
    header = (",".join(names) + "\n").encode()
    body = (header if number < 0 else piece for number in range(-1, pieces))
    start = time.perf_counter()
    answered = post(port, body, CSV)
    taken = time.perf_counter() - start
    done.set()
    other.join()
    rows = pieces * ROWS
    print(
        f"{pieces * len(piece) / 1e6:,.0f} MB of CSV, {rows:,} rows, {answered / 1e6:,.0f} MB out"
    )
    print(f"  {taken:.1f} s, {rows / taken:,.0f} rows a second, peak {peak_megabytes(pid):.0f} MB")
    middle, late = statistics.median(seconds), float(np.quantile(seconds, 0.99))
    print(f"  others wait {1e3 * middle:.1f} ms, one of a hundred {1e3 * late:.1f} ms")


def bodies(names: tuple[str, ...], rows: int) -> dict[str, bytes]:
    """The same rows in every media type."""
    scores = drawn(rows, len(names))
    lists = scores.tolist()
    made = {
        JSON: json.dumps({"instances": lists}).encode(),
        CSV: (",".join(names) + "\n").encode() + csv_rows(scores),
        NDJSON: "".join(json.dumps(row) + "\n" for row in lists).encode(),
    }
    try:
        import pyarrow
    except ImportError:
        return made
    table = pyarrow.table(dict(zip(names, scores.T.astype(np.float64), strict=True)))
    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, ROWS)
    return made | {ARROW: sink.getvalue()}


def compare(port: int, names: tuple[str, ...], rows: int, rounds: int) -> None:
    """Rows a second of each media type, paired."""
    made = bodies(names, rows)
    rates: dict[str, list[float]] = {media_type: [] for media_type in made}
    for number in range(rounds + 1):
        for media_type, body in made.items():
            start = time.perf_counter()
            post(port, body, media_type)
            if number:
                rates[media_type].append(rows / (time.perf_counter() - start))
    print(f"{rows:,} rows a request, the medians of {rounds} rounds")
    for media_type, found in rates.items():
        ratio = statistics.median(a / b for a, b in zip(found, rates[JSON], strict=True))
        print(f"  {media_type:38}{statistics.median(found):11,.0f} rows a second {ratio:6.1f} ×")


def main() -> None:
    """Print a few lines each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--artifact", type=Path, default=Path("artifacts/wisconsin.joblib"))
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--rows", type=int, default=100_000, help="in one request of each type")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    names = artifact.load(chosen.artifact).schema.names
    with serving(chosen.artifact) as (pid, port):
        stream(pid, port, names, chosen.bytes)
        compare(port, names, chosen.rows, chosen.rounds)


if __name__ == "__main__":
    main()

"""One job of `malignancy score` on one engine, in a process that the benchmark starts.

The workers load the model by a small job first. Prints, as JSON, the seconds until then, the
seconds of the measured job, and the peak memory of the largest worker in MB.
"""

import hashlib
import json
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.scale.memory import PeakMemory
from service.scoring.engines.engine import EngineName
from service.scoring.engines.selection import open_engine
from service.scoring.fragment import Destination
from service.scoring.job import run_job
from service.scoring.scorer import Scorer


def main(
    artifact: str, warm_up: str, source: str, to: str, engine_name: EngineName, workers: int
) -> None:
    """Run the jobs.

    Args:
        artifact: The artifact.
        warm_up: A small dataset.
        source: The dataset.
        to: A new folder, or a URI.
        engine_name: The engine.
        workers: Number of workers.
    """
    scorer = Scorer(artifact, hashlib.sha256(Path(artifact).read_bytes()).hexdigest())
    start = time.perf_counter()
    with open_engine(engine_name, workers=workers) as engine, TemporaryDirectory() as folder:
        run_job(scorer, warm_up, Destination(f"{folder}/warm-up"), engine)
        begin = time.perf_counter()
        ended = threading.Event()
        memory = PeakMemory(ended)
        memory.start()
        result = run_job(scorer, source, Destination(to), engine)
        end = time.perf_counter()
        ended.set()
        memory.join()
    figures = {
        "start": begin - start,
        "job": end - begin,
        "rows": result.counts.rows,
        "megabytes": memory.megabytes,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    _artifact, _warm_up, _source, _to, _engine, _workers = sys.argv[1:]
    main(_artifact, _warm_up, _source, _to, _engine, int(_workers))  # type: ignore[arg-type]

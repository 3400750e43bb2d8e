"""One job of `malignancy score` on one engine, in a process that the benchmark starts.

Each worker loads the model and scores before. Prints, as JSON, the seconds until then, the seconds
of the measured job, the CPU seconds of all its processes, and the peak memory of the largest worker
in MB.
"""

import hashlib
import json
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.scale.processes import PeakMemory, cpu_seconds_of_job
from service.scoring.engines.engine import Engine, EngineName
from service.scoring.engines.selection import open_engine
from service.scoring.fragment import Destination
from service.scoring.job import run_job
from service.scoring.scorer import Scorer

LOAD_SECONDS: Final = 120  # for all workers to load the model


@dataclass(frozen=True)
class Loading:
    """Loads the model in a worker, which then waits for the others, so that each takes one item.

    Attributes:
        scorer: The scorer.
        folder: A folder, in which each worker writes a file.
        workers: Number of workers.
    """

    scorer: Scorer
    folder: str
    workers: int

    def __call__(self, number: int) -> None:
        self.scorer.version()
        Path(self.folder, str(number)).touch()
        end = time.monotonic() + LOAD_SECONDS
        while len(list(Path(self.folder).iterdir())) < self.workers:
            if time.monotonic() > end:
                raise TimeoutError("not all workers have started")
            time.sleep(0.01)


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
    with open_engine(engine_name, workers=workers) as engine:
        _load(scorer, warm_up, engine, workers)
        begin, before = time.perf_counter(), cpu_seconds_of_job()
        ended = threading.Event()
        memory = PeakMemory(ended)
        memory.start()
        result = run_job(scorer, source, Destination(to), engine)
        end, after = time.perf_counter(), cpu_seconds_of_job()
        ended.set()
        memory.join()
    figures = {
        "start": begin - start,
        "job": end - begin,
        "cpu": after - before,
        "rows": result.counts.rows,
        "megabytes": memory.megabytes,
    }
    print(json.dumps(figures))


def _load(scorer: Scorer, warm_up: str, engine: Engine, workers: int) -> None:
    with TemporaryDirectory() as loaded, TemporaryDirectory() as scored:
        list(engine.run(Loading(scorer, loaded, workers), range(workers)))
        run_job(scorer, warm_up, Destination(f"{scored}/to"), engine)


if __name__ == "__main__":
    _artifact, _warm_up, _source, _to, _engine, _workers = sys.argv[1:]
    main(_artifact, _warm_up, _source, _to, _engine, int(_workers))  # type: ignore[arg-type]

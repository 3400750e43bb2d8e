"""A program: fuzz one reader of bodies for some seconds, guided by what of the code each covers.

    python -m tests.support.coverage_guided_fuzzing TARGET SECONDS FOLDER

Needs atheris. Changes the good bodies that it writes into the folder; ends with 0 unless something
but Problem is raised, or one body takes over 10 s or 2 GB. libFuzzer prints the executions.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))
with atheris.instrument_imports(include=["service", "model.prediction.schema"]):
    from support.body_fuzzing import TARGETS, seeds

if __name__ == "__main__":
    name, seconds, folder = sys.argv[1:]
    for number, seed in enumerate(seeds(name)):
        (Path(folder) / f"seed-{number}").write_bytes(seed)

    def try_it(data: bytes) -> None:
        """One body."""
        TARGETS[name](data)

    flags = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=2000"]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={folder}/", folder], try_it)
    atheris.Fuzz()

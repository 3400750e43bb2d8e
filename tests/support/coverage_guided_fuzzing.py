"""Program that fuzzes one body reader for a number of seconds, guided by coverage.

    python -m tests.support.coverage_guided_fuzzing TARGET SECONDS FOLDER

Needs atheris. Writes valid bodies into the folder and mutates them. Exits with 0 unless anything
other than Problem is raised, or one body takes more than 10 s or 2 GB. libFuzzer prints the number
of executions.
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

    def check(data: bytes) -> None:
        """Run the target on one body."""
        TARGETS[name](data)

    flags = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=2000"]
    atheris.Setup([sys.argv[0], *flags, f"-artifact_prefix={folder}/", folder], check)
    atheris.Fuzz()

"""Print the surviving mutants and the mutation score of mutmut; fail below MIN_PERCENT.

Run after `mutmut run`, as `make mutation` does.
"""

import json
import subprocess
import sys
from pathlib import Path

MIN_PERCENT = 85
KILLED = ("killed", "timeout")  # a mutant that hangs is detected


def main() -> int:
    """Print the survivors and the score, and return the exit code."""
    mutmut = Path(sys.executable).with_name("mutmut")
    found = subprocess.run([mutmut, "results"], capture_output=True, text=True, check=True)
    survivors = [
        line.strip()
        for line in found.stdout.splitlines()
        if line.strip() and line.rpartition(": ")[2] not in KILLED
    ]
    subprocess.run([mutmut, "export-cicd-stats"], stdout=subprocess.DEVNULL, check=True)
    counts = json.loads(Path("mutants/mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    killed, total = sum(counts[kind] for kind in KILLED), counts["total"]
    assert killed + len(survivors) == total
    print(*survivors, sep="\n")
    percent = 100 * killed / total
    print(f"{killed} of {total} mutants killed ({counts['timeout']} by a timeout): {percent:.1f} %")
    if percent < MIN_PERCENT:
        print(f"less than {MIN_PERCENT} %", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

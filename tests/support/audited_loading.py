"""A program: load each artifact of a folder, under an audit of all that Python does meanwhile.

Prints a line of JSON a file: what was raised, CPU seconds, the peak of memory it took, and every
audited event but reading (`open` of the file itself) that came about.
"""

import codecs
import json
import resource
import sys
import time
from pathlib import Path

from model.artifacts import artifact

HARMLESS = {"object.__getattr__", "object.__setattr__", "os.listdir", "os.scandir"}
MOST_MEMORY_BYTES = 2 << 30  # altogether: beyond it, memory is refused
watched: Path | None = None
events: list[str] = []


def audit(event: str, arguments: tuple[object, ...]) -> None:
    """Note whatever happens while a file is loaded."""
    if watched is None or event in HARMLESS:
        return
    if event == "open" and str(arguments[0]) == str(watched):
        return
    events.append(f"{event} {str(arguments)[:80]}")


def memory(key: str) -> int:
    """A figure of /proc/self/status, in bytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{key}:")[2].split()[0]) * 1024


def outcome(path: Path) -> str:
    """What is raised: its class, and its words."""
    global watched
    watched = path
    try:
        artifact.load(path)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        watched = None
    return "loaded"


def main(folder: Path, good: Path) -> None:
    """Load a good one first, so that all is imported."""
    artifact.load(good).replay_self_test()
    codecs.lookup("raw_unicode_escape")  # which pickletools reads an instruction's argument by
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    sys.addaudithook(audit)
    for path in sorted(folder.iterdir()):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        before, start = memory("VmRSS"), time.process_time()
        said = outcome(path)
        seconds, taken = time.process_time() - start, memory("VmHWM") - before
        told = {"file": path.name, "said": said, "seconds": seconds, "bytes": taken}
        print(json.dumps({**told, "events": events}), flush=True)
        events.clear()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

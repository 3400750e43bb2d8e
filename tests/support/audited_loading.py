"""Program that loads each artifact of a folder under an audit hook.

Prints one JSON line per file: the exception, the CPU time in seconds, the peak memory in bytes, and
every audit event except the `open` of the file itself.
"""

import codecs
import json
import resource
import sys
import time
from pathlib import Path

from model.artifacts import artifact

HARMLESS = {"object.__getattr__", "object.__setattr__", "os.listdir", "os.scandir"}
MAX_MEMORY_BYTES = 2 << 30  # address space of the process; allocations above it fail
watched: Path | None = None
events: list[str] = []


def audit(event: str, arguments: tuple[object, ...]) -> None:
    """Record an audit event that occurs while a file is loaded."""
    if watched is None or event in HARMLESS:
        return
    if event == "open" and str(arguments[0]) == str(watched):
        return
    events.append(f"{event} {str(arguments)[:80]}")


def memory(key: str) -> int:
    """Return a field of /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition(f"{key}:")[2].split()[0]) * 1024


def outcome(path: Path) -> str:
    """Load a file, and return the class and the text of the exception, or "loaded"."""
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
    """Load a valid artifact, so that everything is imported, then audit the files of the folder."""
    artifact.load(good).replay_self_test()
    codecs.lookup("raw_unicode_escape")  # pickletools decodes arguments with it
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    sys.addaudithook(audit)
    for path in sorted(folder.iterdir()):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
        before, start = memory("VmRSS"), time.process_time()
        result = outcome(path)
        seconds, taken = time.process_time() - start, memory("VmHWM") - before
        record = {"file": path.name, "result": result, "seconds": seconds, "bytes": taken}
        print(json.dumps({**record, "events": events}), flush=True)
        events.clear()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""A process that stores rows: `python store_writer_child.py URL ROWS`, started by tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.stored_rows import predicted, store_at, version_of

if __name__ == "__main__":
    store = store_at(sys.argv[1])
    version = version_of()
    store.start()
    for _ in range(int(sys.argv[2])):
        store.put(predicted(version))
    print(store.stop(60), store.status.dropped)

"""`python -m service`: the online program."""

import os
import signal
import sys

if __name__ == "__main__":
    # Before the imports, which take most of the start: in a container this is process 1, for which
    # the system ignores a SIGTERM that has no handler yet.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    # prometheus_client would share its metrics through this folder; only workers do, in their own.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

    from service.server import main

    sys.exit(main(sys.argv[1:]))

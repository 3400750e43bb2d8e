"""`python -m service`: the online program."""

import os
import signal
import sys

if __name__ == "__main__":
    # Before the imports, which take most of the start: in a container this is process 1, for which
    # the system ignores a signal that has no handler yet. Not by an exception: one that is raised
    # within a callback of the import system is lost.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    if hasattr(signal, "SIGHUP"):  # until there is something to reload
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    # prometheus_client would share its metrics through this folder; only workers do, in their own.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

    from service.server.run import main

    sys.exit(main(sys.argv[1:]))

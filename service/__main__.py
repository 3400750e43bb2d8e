"""`python -m service`: the online program."""

import signal
import sys

if __name__ == "__main__":
    # Before the imports, which take most of the start: in a container this is process 1, for which
    # the system ignores a SIGTERM that has no handler yet.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from service.server import main

    sys.exit(main(sys.argv[1:]))

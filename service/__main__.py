"""Command line entry point of the service: `python -m service`."""

import gc
import os
import signal
import sys

if __name__ == "__main__":
    # Before the imports, which take most of the startup time: in a container this is process 1, for
    # which the kernel ignores a signal without a handler. The handler does not raise an exception:
    # one that is raised in a callback of the import system is lost.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    if hasattr(signal, "SIGHUP"):  # ignored until there is a model to reload
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    # prometheus_client would share metrics through this folder; only workers do, in a folder that
    # the supervisor creates.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    # One BLAS thread unless the environment sets more: the scoring threads use the cores, and the
    # matrix products are small. Read when NumPy is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from service.server.descriptors import open_standard_descriptors, raise_descriptor_limit

    open_standard_descriptors()
    raise_descriptor_limit()

    # The objects of the imports stay until the end: garbage collections would search them again and
    # again, which takes a tenth of the startup time. A few remain, since garbage between lasting
    # objects fragments the heap: without any, the process keeps 0.6 MB more.
    thresholds = gc.get_threshold()
    gc.set_threshold(10_000, *thresholds[1:])
    from service.server.run import main

    gc.freeze()
    gc.set_threshold(*thresholds)
    sys.exit(main(sys.argv[1:]))

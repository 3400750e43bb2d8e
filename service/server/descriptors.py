"""File descriptors of a process: the standard ones are open, and the limit is the highest one."""

import os
from contextlib import suppress


def open_standard_descriptors() -> None:
    """Open the null device as each of the descriptors 0 to 2 that the parent has closed.

    Otherwise a socket would get the number, and what is written to standard error would go to a
    client. Called before anything else opens a file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
            os.set_inheritable(descriptor, True)  # by the processes of workers


def raise_descriptor_limit() -> None:
    """Raise the soft limit of open files to the hard limit; each connection needs a descriptor."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS has a lower limit than the one that it reports
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

"""Drain the accept queue of a listening socket before it is closed.

Closing a listening socket resets the connections in its accept queue, although their clients may
have sent complete requests. So new connections are dropped first and the queue is drained. A
dropped SYN is not a refusal: the client's kernel retries about a second later, and is refused then.
"""

import asyncio
import ctypes
import os
import select
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Final

# Fixed values.
HANDSHAKE_SECONDS: Final = 0.1  # for half-open connections
MAX_SECONDS: Final = 5.0  # a busy process accepts one connection at a time, between other work
MAX_SECONDS_UNFILTERED: Final = 1.0  # where new connections cannot be dropped

_ATTACH_FILTER: Final = 26  # Linux's SO_ATTACH_FILTER, which the socket module does not define
# Classic BPF (linux/filter.h): code, jump if true, jump if false, operand.
_WITHOUT_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte of the TCP flags
    (0x54, 0, 0, 0x12),  # and it with SYN | ACK
    (0x15, 0, 1, 0x02),  # SYN alone, a new connection?
    (0x06, 0, 0, 0),  # drop the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # accept all other packets
)


def drop_new_connections(descriptors: Sequence[int]) -> bool:
    """Make the kernel drop new connections at listening sockets, with a packet filter.

    Args:
        descriptors: File descriptors of the listening sockets.

    Returns:
        True if the filter is attached; False on systems other than Linux and in sandboxes without
        this socket option.
    """
    if sys.platform != "linux":
        return False
    program = b"".join(struct.pack("HBBI", *each) for each in _WITHOUT_SYN)
    buffer = ctypes.create_string_buffer(program)
    option = struct.pack("HL", len(_WITHOUT_SYN), ctypes.addressof(buffer))
    try:
        for descriptor in descriptors:
            with socket.socket(fileno=os.dup(descriptor)) as listener:
                listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, option)
    except OSError:  # a sandbox may not know the option
        return False
    return True


async def drain_accept_queue(descriptors: Sequence[int]) -> None:
    """Wait until the event loop has accepted all queued connections, while new ones are dropped.

    Args:
        descriptors: File descriptors of the listening sockets.
    """
    max_seconds = MAX_SECONDS if drop_new_connections(descriptors) else MAX_SECONDS_UNFILTERED
    queue = select.poll()
    for descriptor in descriptors:
        queue.register(descriptor, select.POLLIN)
    loop = asyncio.get_running_loop()
    start = loop.time()
    quiet_since = start
    while (now := loop.time()) < start + max_seconds:
        if queue.poll(0):
            quiet_since = now
        elif now > quiet_since + HANDSHAKE_SECONDS:
            return
        await asyncio.sleep(0 if quiet_since == now else 0.005)

"""The last moments of a listening socket: what the system has accepted is taken, nothing new is.

Closing a listening socket resets the connections that wait in its queue, though their clients may
have sent whole requests. So new ones are kept out first. They are not refused yet: their clients
try again a second later, and are refused then.
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

HANDSHAKE_SECONDS: Final = 0.1  # for connections that are half made
MOST_SECONDS: Final = 5.0  # a busy process takes one at a time, between other things
MOST_SECONDS_OPEN: Final = 1.0  # where new ones cannot be kept out

_ATTACH_FILTER: Final = 26  # SO_ATTACH_FILTER of Linux, which Python has no name for
# Classic BPF (linux/filter.h): code, where to jump if true, if false, operand.
_WITHOUT_SYN: Final = (
    (0x30, 0, 0, 13),  # load the byte of TCP's flags
    (0x54, 0, 0, 0x12),  # and it with SYN | ACK
    (0x15, 0, 1, 0x02),  # SYN alone, a new connection?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # let all else pass
)


def keep_new_ones_out(descriptors: Sequence[int]) -> bool:
    """Have the system drop what asks for new connections at these sockets; whether it does, as
    Linux can.
    """
    if sys.platform != "linux":
        return False
    program = b"".join(struct.pack("HBBI", *each) for each in _WITHOUT_SYN)
    kept = ctypes.create_string_buffer(program)
    option = struct.pack("HL", len(_WITHOUT_SYN), ctypes.addressof(kept))
    try:
        for descriptor in descriptors:
            with socket.socket(fileno=os.dup(descriptor)) as listener:
                listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, option)
    except OSError:  # a sandbox may not know it
        return False
    return True


async def take_what_waits(descriptors: Sequence[int]) -> None:
    """Let the event loop accept all connections that these sockets have, and no new ones."""
    most_seconds = MOST_SECONDS if keep_new_ones_out(descriptors) else MOST_SECONDS_OPEN
    queue = select.poll()
    for descriptor in descriptors:
        queue.register(descriptor, select.POLLIN)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    quiet_since = begin
    while (now := loop.time()) < begin + most_seconds:
        if queue.poll(0):
            quiet_since = now
        elif now > quiet_since + HANDSHAKE_SECONDS:
            return
        await asyncio.sleep(0 if quiet_since == now else 0.005)

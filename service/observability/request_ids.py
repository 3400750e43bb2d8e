"""Request ids that the service generates."""

import os
from typing import Final

_ID_BYTES: Final = 16
_BLOCK_IDS: Final = 256  # a call of the operating system takes longer than everything else here

_unused: list[bytes] = []


def new_request_id() -> bytes:
    """Return a random id of 32 hexadecimal digits. Thread-safe."""
    try:
        return _unused.pop()
    except IndexError:
        digits = os.urandom(_ID_BYTES * _BLOCK_IDS).hex().encode()
        ids = [digits[at : at + 2 * _ID_BYTES] for at in range(0, len(digits), 2 * _ID_BYTES)]
        _unused.extend(ids[1:])
        return ids[0]


os.register_at_fork(after_in_child=_unused.clear)  # two processes must not use the same ids

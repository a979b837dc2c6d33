"""How a process takes memory from the system, and gives it back.

The C library (glibc) keeps what is freed, as far as it can: the 19 MiB that one
password hash takes (argon2id) would stay for ever, once in each worker, and each thread
would keep a reserve of its own. A server that is idle ought to be small.
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_SETTINGS: Final = (
    # bigger pieces are mapped by themselves and go back when they are freed; without
    # this the library raises its limit above whatever was freed once: mallopt(3)
    (_M_MMAP_THRESHOLD, 4 * 1024 * 1024),
    (_M_TRIM_THRESHOLD, 1024 * 1024),
    # Python lets one thread run at a time: they seldom meet here
    (_M_ARENA_MAX, 2),
)


def give_back() -> None:
    """Have freed memory go back; called once, before there are threads.

    With another C library than glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, value in _SETTINGS:
            mallopt(setting, value)

"""Which processors a worker runs on.

The threads of a Python process take turns. When they lie on several processors, each
turn is handed from one to another, a thousand times a second; on one processor that
costs much less. So each worker keeps to a processor of its own, and only what works
without taking turns, the password hashes, may go anywhere.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

EVERYWHERE: Final = frozenset(os.sched_getaffinity(0))
"""Where this process might run when it was started."""


def pin(number: int) -> None:
    """Keep this thread, and those it starts, to one processor.

    Args:
        number: of the worker; neighbours get different processors, as far as there are
            enough of them.
    """
    cpus = sorted(EVERYWHERE)
    _keep_to({cpus[number % len(cpus)]})


def roam() -> None:
    """Let this thread run anywhere."""
    _keep_to(set(EVERYWHERE))


def _keep_to(cpus: set[int]) -> None:
    with suppress(OSError):  # the host took them away meanwhile: it is not that urgent
        os.sched_setaffinity(0, cpus)

"""When to look for mail again (pure)."""

from __future__ import annotations

from typing import Final

MOST_SECONDS: Final = 4 * 3600.0
"""The longest wait after failures, where the interval itself is not longer."""
FIRST_SECONDS: Final = 60.0
"""The first runs after a start are spread over so long."""
LASTING_FAILURES: Final = 4
"""A failure that somebody has to mend, such as a password, counts as so many."""
_SPREAD: Final = 0.1


def first_wait(every: float, chance: float) -> float:
    """Seconds from the start of the server to the first run.

    Args:
        every: seconds from one run to the next.
        chance: a random number from 0 to 1.
    """
    return chance * min(every, FIRST_SECONDS)


def next_wait(every: float, failures: int, chance: float) -> float:
    """Seconds from the end of a run to the next one.

    A tenth earlier or later, so that servers with many clients like us do not get all
    of them at the full minute.

    Args:
        every: seconds from one run to the next.
        failures: so many runs have failed in a row.
        chance: a random number from 0 to 1.
    """
    wait = every
    if failures:
        wait = max(every, min(every * 2.0 ** min(failures, 16), MOST_SECONDS))
    return wait * (1 - _SPREAD + 2 * _SPREAD * chance)

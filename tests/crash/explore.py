"""Cuts the power before each call of an action, and looks at all that may be left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tests.crash.powercut import Disk, PowerCut


def explore(
    prepare: Callable[[], Disk],
    act: Callable[[Disk], None],
    check: Callable[[Disk], None],
) -> int:
    """Cut the power before each call of ``act``, and after the last.

    Args:
        prepare: a disk on which all is durable.
        act: what is under test; it notes what it was told is done.
        check: raises AssertionError when a survivor breaks a promise.

    Returns:
        how many different survivors were looked at.
    """
    whole = prepare()
    before = whole.calls
    act(whole)
    states = 0
    for cut in range(before, whole.calls + 1):
        disk = prepare()
        disk.cut_at = cut
        with suppress(PowerCut):
            act(disk)
        for survivor in disk.survivors():
            states += 1
            assert isinstance(survivor, Disk)
            check(survivor)
    return states

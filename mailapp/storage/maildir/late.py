"""Messages whose names do not tell their UIDs yet, and how names follow.

See :mod:`mailapp.storage.maildir.given`. All of it blocks, and what changes something
happens in the mailbox's turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

from mailapp.storage.columns import Columns
from mailapp.storage.files import Files
from mailapp.storage.maildir.gather import names_of
from mailapp.storage.maildir.given import forget_given, is_given
from mailapp.storage.maildir.tracked import Tracked

LATE_AT_ONCE: Final = 100
_TRIES: Final = 2


def name_late(files: Files, tracked: Tracked, uids: Sequence[int] | None = None) -> int:
    """Have names tell UIDs, by default of the latest few; how many are left."""
    with tracked.turn():
        late = tracked.current.names.late
        if uids is None:
            ready = (uid for uid in reversed(late) if late[uid] < _TRIES)
            uids = list(islice(ready, LATE_AT_ONCE))
        wanted = [uid for uid in uids if uid in late]
        if wanted:
            tries = {uid: late[uid] for uid in tracked.current.tell_late(wanted)}
            if tries:
                tracked.read_again()
                late = tracked.current.names.late
                late.update((u, n + 1) for u, n in tries.items() if u in late)
            if not late:
                forget_given(files, tracked.found.path)
        return len(late)


def complete_own(files: Files, tracked: Tracked, uids: Sequence[int]) -> None:
    """Have the latest columns tell sizes and dates of these."""
    if tracked.latest is None and is_given(files, tracked.found.path):
        tracked.look()
    if tracked.current.late:
        name_late(files, tracked, uids)


def complete(
    files: Files, tracked: Tracked, columns: Columns, uids: Sequence[int]
) -> None:
    """Have columns, of whatever time, tell sizes and dates of these."""
    names = names_of(columns)
    wanted = [uid for uid in uids if uid in names.late]
    if not wanted:
        return
    tracked.look()
    complete_own(files, tracked, wanted)
    latest = tracked.columns
    own = names_of(latest)
    for uid in wanted:
        place, at = columns.place(uid), latest.place(uid)
        if own.late is names.late and columns.sizes is latest.sizes:
            break
        if place is None or at is None:
            continue
        columns.sizes[place] = latest.sizes[at]
        columns.received[place] = latest.received[at]
        names.odd[uid] = own.name(latest, at)
        if uid not in own.late:
            names.late.pop(uid, None)


def whole(files: Files, tracked: Tracked) -> Columns:
    """The mailbox now, with all sizes and dates."""
    complete_own(files, tracked, tracked.look().uids)
    return tracked.columns

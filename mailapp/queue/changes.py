r"""The journal of an entry: what became of it so far, line by line (pure).

Each line is the CRC-32 of its JSON (8 hexadecimal digits), a space, and the JSON. A
line begins with ``\n``, so that one which was torn by a crash does not spoil the next.
A line whose CRC is wrong never counted and is passed over.

==============  ==================================================================
key             what it says
==============  ==================================================================
``tried``       ``[[place, attempt, due], ...]``: what was tried for these recipients
``held``        it is held, or not any more
``delay_told``  its sender was told that it takes long
``reported``    places whose end its sender was told of
``due``         when all that wait are tried next
``state``       all of it: what stood before does not count
==============  ==================================================================

A key that is not known is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from zlib import crc32

from attrs import evolve, frozen

from mailapp.queue.forms import (
    Form,
    attempt_form,
    read_attempt,
    read_state,
    state_form,
)
from mailapp.queue.types import Attempt, Entry

_CRC: Final = 8


@frozen
class Tried:
    """What was tried for one recipient.

    Attributes:
        place: of the recipient in the envelope.
        attempt: what came of it.
        due: seconds since the epoch before which it is not tried again.
    """

    place: int
    attempt: Attempt
    due: float = 0.0


@frozen
class Change:
    """What is new of an entry; what is None or empty stays as it is.

    Attributes:
        due: all that wait are tried next at this time.
    """

    tried: Sequence[Tried] = ()
    held: bool | None = None
    delay_told: bool | None = None
    reported: Sequence[int] = ()
    due: float | None = None


def apply(entry: Entry, change: Change) -> Entry:
    """The entry after a change."""
    count = len(entry.envelope.recipients)
    last = list(entry.last) or [None] * count
    due = list(entry.due) or [0.0] * count
    if change.due is not None:
        due = [change.due] * count
    for tried in change.tried:
        last[tried.place] = tried.attempt
        due[tried.place] = tried.due
    return evolve(
        entry,
        attempts=entry.attempts + bool(change.tried),
        last=tuple(last),
        due=tuple(due),
        held=entry.held if change.held is None else change.held,
        delay_told=(
            entry.delay_told if change.delay_told is None else change.delay_told
        ),
        reported=entry.reported.union(change.reported),
    )


def encode_change(change: Change) -> bytes:
    """A line of the journal."""
    form: Form = {}
    if change.tried:
        form["tried"] = [
            [t.place, attempt_form(t.attempt), t.due] for t in change.tried
        ]
    if change.held is not None:
        form["held"] = change.held
    if change.delay_told is not None:
        form["delay_told"] = change.delay_told
    if change.reported:
        form["reported"] = sorted(change.reported)
    if change.due is not None:
        form["due"] = change.due
    return _line(form)


def encode_state(entry: Entry) -> bytes:
    """A line that stands for a whole journal."""
    return _line({"state": state_form(entry)})


def replay(entry: Entry, journal: bytes) -> Entry:
    """The entry after all that its journal says."""
    for form in _forms(journal):
        try:
            entry = _changed(entry, form)
        except (ValueError, KeyError, TypeError, IndexError):
            continue  # as one that is torn: its CRC is right, its writer was not
    return entry


def _changed(entry: Entry, form: Form) -> Entry:
    if "state" in form:
        return evolve(entry, **read_state(form["state"]))
    tried = [
        Tried(int(place), read_attempt(attempt), float(due))
        for place, attempt, due in form.get("tried", ())
    ]
    due = form.get("due")
    change = Change(
        tried,
        held=form.get("held"),
        delay_told=form.get("delay_told"),
        reported=[int(place) for place in form.get("reported", ())],
        due=None if due is None else float(due),
    )
    return apply(entry, change)


def _line(form: Form) -> bytes:
    text = json.dumps(form, separators=(",", ":")).encode("ascii")
    return b"\n%08x %b" % (crc32(text), text)


def _forms(journal: bytes) -> Iterator[Form]:
    for line in _good(journal.split(b"\n")):
        try:
            form: Any = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(form, dict):
            yield form


def _good(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The JSON of the lines whose CRC is right."""
    for line in lines:
        text = line[_CRC + 1 :]
        if line[: _CRC + 1] == b"%08x " % crc32(text):
            yield text

"""Reading all of a mailbox, and what messages get that have no UID yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Final

from attrs import evolve, frozen

from mailapp.storage.columns import Columns, without
from mailapp.storage.files import Directory, Files
from mailapp.storage.maildir.filename import (
    MessageName,
    UniqueNames,
    arrival,
    guid,
    made_here,
    parse,
    received,
)
from mailapp.storage.maildir.gather import Gathered, names_of
from mailapp.storage.maildir.layout import KEYWORDS
from mailapp.storage.maildir.letters import Letters
from mailapp.storage.maildir.measure import measured
from mailapp.storage.maildir.scan import granularity, scan
from mailapp.storage.maildir.uids import Turn

_LATEST: Final = 2**32 - 1
_ATTEMPTS: Final = 4
_ROOM: Final = 200
"""Octets of a name; of the 255 that it may have the rest is for flags."""


@frozen
class Stamp:
    """When the parts of a mailbox changed last, in nanoseconds."""

    new: int
    cur: int
    keywords: int


def stamp_of(files: Files, path: bytes) -> Stamp:
    """The stamp of now: three looks."""
    try:
        changed = files.mtime(path + b"/" + KEYWORDS)
    except FileNotFoundError:
        changed = 0
    return Stamp(files.mtime(path + b"/new"), files.mtime(path + b"/cur"), changed)


@frozen(eq=False)
class Survey:
    """All that lies in a mailbox.

    Attributes:
        began: when it was read, in nanoseconds.
        new: names in ``new``.
        gathered: what ``cur`` holds.
    """

    began: int
    stamp: Stamp
    new: list[bytes]
    gathered: Gathered

    @property
    def steady(self) -> bool:
        """A change after it was read shows in the stamp."""
        changed = (self.stamp.new, self.stamp.cur)
        return self.began - max(changed) > granularity(changed)


def surveyed(files: Files, path: bytes, letters: Letters, validity: int) -> Survey:
    """Read it, again while other programs change it."""
    began, stamp = files.now(), stamp_of(files, path)
    new, cur = files.names(path + b"/new"), files.listing(path + b"/cur")
    for _ in range(_ATTEMPTS):
        after = stamp_of(files, path)
        if after == stamp:
            break
        began, stamp = files.now(), after
        new, cur = files.names(path + b"/new"), files.listing(path + b"/cur")
    gathered = Gathered(letters)
    # most rise by UID then, as the first part of a name is when it came
    gathered.take(cur, validity)
    return Survey(began, stamp, new, gathered)


def sorted_out(
    files: Files, path: bytes, letters: Letters, validity: int, unique: UniqueNames
) -> Survey:
    """Read it, with each message in its place and under a name of its own."""
    survey = surveyed(files, path, letters, validity)
    if return_to_cur(files, path, survey.new, validity):
        survey = surveyed(files, path, letters, validity)
    if survey.gathered.has_twins():
        scan(files, path, b"", unique)  # it parts them
        survey = surveyed(files, path, letters, validity)
    return survey


def strange(gathered: Gathered, before: Columns | None, ceiling: int) -> set[int]:
    """UIDs that were never given, or whose message was seen to be gone.

    A client was told that it was expunged: it can only come back under another.
    """
    found = {uid for uid in gathered.uids if uid >= ceiling}
    if before is not None:
        found |= came_back(gathered.uids, before)
    return found


def came_back(uids: Iterable[int], before: Columns) -> set[int]:
    """Those among them whose messages were seen to be gone."""
    return {uid for uid in set(uids).difference(before.uids) if uid < before.uid_next}


def return_to_cur(
    files: Files, path: bytes, new: Sequence[bytes], validity: int
) -> bool:
    """Put messages that have UIDs of this mailbox back to ``cur``; are there any?

    Neomutt moves a message to ``new`` that it flags and nobody has read.
    """
    found = False
    for name in new:
        parsed = parse(name) if b",U=" in name else None
        if parsed is None or parsed.uid is None or parsed.validity != validity:
            continue
        place = path + b"/cur/" + parsed.format()
        if not files.exists(place):  # a copy gets a UID of its own
            with suppress(FileNotFoundError):
                files.rename(path + b"/new/" + name, place)
                found = True
    return found


def number(files: Files, path: bytes, mine: Turn, bare: Sequence[bytes]) -> list[bytes]:
    """Give UIDs, in order of arrival, and make that durable; the new names."""
    base, now = files.directory(path), files.now() // 1_000_000_000
    known = _known(files, base, bare, now)
    found = [(arrival(name.unique), place, name) for place, name in known]
    if not found:
        return []
    found.sort(key=itemgetter(0))
    named = []
    validity = mine.numbers.validity
    for uid, (_, place, name) in enumerate(found, mine.take(len(found))):
        fresh = _numbered(name, uid, validity)
        try:
            files.rename(path + b"/" + place, path + b"/cur/" + fresh)
        except FileNotFoundError:
            continue
        named.append(fresh)
    files.sync_directory(path + b"/cur")
    return named


def _numbered(name: MessageName, uid: int, validity: int) -> bytes:
    """The name with a UID."""
    numbered = evolve(name, uid=uid, validity=validity)
    fresh = numbered.format()
    if len(fresh) > _ROOM:  # the UIDL stays: that of the hash is the hash
        short = evolve(numbered, unique=guid(name.unique), others=())
        fresh = short.format()
    return fresh


def number_late(
    files: Files, path: bytes, late: Mapping[int, bytes], validity: int
) -> list[bytes]:
    """Have names tell the UIDs that were given; those that do now.

    Args:
        files: the disk.
        path: of the mailbox.
        late: by UID, names in ``cur``.
        validity: of the UIDs.
    """
    base, now = files.directory(path), files.now() // 1_000_000_000
    named = []
    uids = {b"cur/" + name: uid for uid, name in late.items()}
    for place, name in _known(files, base, list(uids), now):
        fresh = _numbered(name, uids[place], validity)
        with suppress(FileNotFoundError):
            files.rename(path + b"/" + place, path + b"/cur/" + fresh)
            named.append(fresh)
    return named


def _known(
    files: Files, base: Directory, places: Sequence[bytes], now: int
) -> Iterator[tuple[bytes, MessageName]]:
    """Names that tell all that is to be told of messages without UIDs.

    The mtime, too, of what another program put there: a file need not be looked at
    again, and other programs that copy it may change that. What is no message is left
    out.
    """
    names = [(place, name) for place in places if (name := parse(place[4:]))]
    silent = [place for place, name in names if name.wire is None]
    sizes = dict(zip(silent, measured(files, base, silent), strict=True))
    for place, name in names:
        found = sizes.get(place, (name.size, name.wire))
        if found is None:
            continue
        date = name.received
        try:
            if received(name) is None:
                date = _mtime(files, base.path + b"/" + place)
        except OSError:
            continue
        yield (
            place,
            MessageName(
                name.unique,
                *found,
                flags=name.flags,
                others=name.others,
                received=date,
                saved=_saved(name, now),
                email=name.email,
            ),
        )


def _saved(name: MessageName, now: int) -> int | None:
    """When a message without a UID came here; None: the beginning of its name tells.

    One that had a UID elsewhere, or whose name another program made, came when it is
    seen first (RFC 8514, section 3).
    """
    was_elsewhere = name.uid is not None or name.saved is not None
    return now if was_elsewhere or made_here(name.unique) is None else None


def fill_received(
    files: Files, path: bytes, columns: Columns, before: Columns | None
) -> None:
    """Where a name does not tell when the message came, the file's mtime does."""
    dates = columns.received
    if 0 not in dates:
        return
    names = names_of(columns)
    late = names.late
    if len(late) == len(columns):
        return
    for place, date in enumerate(dates):
        if date or (late and columns.uids[place] in late):
            continue
        known = before.place(columns.uids[place]) if before else None
        if before is not None and known is not None:
            dates[place] = before.received[known]
            continue
        place_path = path + b"/cur/" + names.name(columns, place)
        with suppress(FileNotFoundError):
            dates[place] = _mtime(files, place_path)


def _mtime(files: Files, path: bytes) -> int:
    """When a file was changed, as a date of a message can be."""
    return max(0, min(files.facts(path).mtime // 1_000_000_000, _LATEST))


def carried(
    before: Columns, fresh: Columns, gone: Sequence[int], came: Sequence[int]
) -> Columns:
    """Fresh columns with the old MODSEQs wherever nothing changed.

    Args:
        before: with the same flags.
        fresh: whose MODSEQs are all the new one.
        gone: places in the old that are not in the new.
        came: places in the new that are not in the old; they are the last.
    """
    modseq = fresh.highest_modseq
    modseqs = without(before.modseqs, gone)
    masks = without(before.masks, gone)
    changed: list[int] = []
    if masks.tobytes() != fresh.masks[: len(masks)].tobytes():
        changed = [
            place
            for place, (old, new) in enumerate(zip(masks, fresh.masks, strict=False))
            if old != new
        ]
    for place in changed:
        modseqs[place] = modseq
    modseqs.extend(fresh.modseqs[len(modseqs) :])
    if not (gone or came or changed):
        if names_of(before).same(names_of(fresh)):
            return before.with_uid_next(fresh.uid_next)
        return evolve(
            fresh,
            modseqs=modseqs,
            highest_modseq=before.highest_modseq,
            uids=before.uids,
        )
    whole = evolve(fresh, modseqs=modseqs)
    if not gone:
        whole.remember(before, [*changed, *came])
    return whole

"""What is known of the messages of one source (pure).

A message is known by a *key*: ``u:`` and its unique-id where the server gives each
message its own (RFC 1939, section 7), else ``c:``, a digest of its octets and which of
the messages with these octets it is. POP2 has no unique-ids. Of POP3 servers some give
none, and some give the same to messages with the same octets, which the RFC allows, or
to all of them, which it does not: a unique-id that ever stood twice in a listing is
*ambiguous* from then on.

====================  ==========================================================
record                means
====================  ==========================================================
``I`` key …           it is about to be delivered, under this id (the intent)
``D`` key …           it was delivered, durably
``S`` key octets      it is too large; the octets say how large it is at least
``A`` key             the unique-id is ambiguous
``X`` key             forget all of that
====================  ==========================================================

Each record is one line with a checksum: one that is torn or damaged is no record.
"""

from __future__ import annotations

import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import define, field, frozen

HEAD: Final = b"mailapp-fetch 1"
ABSENT_SECONDS: Final = 30 * 86_400
"""A message that the server no longer offers is forgotten after so long.

Not at once: servers have been seen to offer an empty maildrop for an hour."""
MOST_AMBIGUOUS: Final = 10_000
"""More are not remembered once the server does not offer them."""
_FIELDS: Final[Mapping[bytes, int]] = {b"I": 6, b"D": 5, b"S": 3, b"A": 2, b"X": 2}


@frozen
class Intent:
    """A delivery that was begun and, as far as the ledger knows, not ended.

    Attributes:
        digest: of the octets as the server sent them.
        size_octets: of what is put into the mailbox, without our own fields.
        id: in the Received field that our delivery writes.
        at: seconds since the epoch.
    """

    key: bytes
    digest: bytes
    size_octets: int
    id: str
    at: int


@define
class Entry:
    """A message that was delivered.

    Attributes:
        digest: of its octets.
        at: when it was delivered, in seconds since the epoch.
        absent: since when the server does not offer it; 0: it does.
    """

    digest: bytes
    at: int
    absent: int = 0


@define
class Book:
    """All that is known. Its changes are records, which the ledger keeps.

    Attributes:
        done: key to what was delivered.
        intents: key to what may have been.
        too_large: key to octets.
        ambiguous: unique-ids, as keys.
    """

    done: dict[bytes, Entry] = field(factory=dict)
    intents: dict[bytes, Intent] = field(factory=dict)
    too_large: dict[bytes, int] = field(factory=dict)
    ambiguous: set[bytes] = field(factory=set)
    _by_digest: dict[bytes, set[bytes]] = field(factory=dict)

    # ---- changes; each gives the record that repeats it

    def intend(self, intent: Intent) -> bytes:
        """A delivery begins."""
        self.intents[intent.key] = intent
        name = intent.id.encode("ascii")
        return _record(
            b"I %b %b %d %b %d"
            % (intent.key, intent.digest, intent.size_octets, name, intent.at)
        )

    def deliver(self, key: bytes, digest: bytes, at: int, absent: int = 0) -> bytes:
        """It is in the mailbox, durably."""
        self._drop(key)
        self.done[key] = Entry(digest, at, absent)
        self._by_digest.setdefault(digest, set()).add(key)
        return _record(b"D %b %b %d %d" % (key, digest, at, absent))

    def leave(self, key: bytes, octets: int) -> bytes:
        """It is too large."""
        self.too_large[key] = octets
        return _record(b"S %b %d" % (key, octets))

    def doubt(self, key: bytes) -> bytes:
        """Its unique-id is ambiguous."""
        self.ambiguous.add(key)
        return _record(b"A %b" % key)

    def forget(self, key: bytes) -> bytes:
        """Know nothing of it any more, but that it is ambiguous."""
        self._drop(key)
        return _record(b"X %b" % key)

    # ---- questions

    def find_gone(self, digest: bytes, offered: frozenset[bytes]) -> bytes | None:
        """A message with these octets that was delivered and is not offered now.

        It has got another unique-id: a server that was moved, or repaired, gives new
        ones to all. One that is still offered beside this one is another copy.
        """
        for key in self._by_digest.get(digest, ()):
            if key.startswith(b"u:") and key not in offered:
                return key
        return None

    def without(self, deleted: Iterable[bytes]) -> list[bytes]:
        """The keys to forget when the server has removed the messages of these.

        Of messages that are known by their content the last ones with the same: when
        one of them is gone, the others move up.
        """
        keys = list(deleted)
        found = [key for key in keys if not key.startswith(b"c:")]
        alike = Counter(k.split(b":")[1] for k in keys if k.startswith(b"c:"))
        for digest, count in alike.items():
            end = 0
            while content_key(digest, end) in self.done:
                end += 1
            found += [content_key(digest, n) for n in range(max(end - count, 0), end)]
        return found

    def note_offered(self, offered: frozenset[bytes], now: int, *, whole: bool) -> bool:
        """Note what the server no longer has; forget what it has not had for long.

        Args:
            offered: the keys of what it has.
            now: seconds since the epoch.
            whole: those without a unique-id of their own are all among them, too.

        Returns:
            something was changed, which is not durable before the next rewriting.
        """
        changed = False
        for key, entry in list(self.done.items()):
            if key.startswith(b"c:") and not whole:
                continue
            if key in offered:
                changed = changed or entry.absent > 0
                entry.absent = 0
            elif not entry.absent:
                entry.absent = max(now, 1)
                changed = True
            elif now - entry.absent > ABSENT_SECONDS:
                self._drop(key)
                changed = True
        for key in list(self.too_large):
            if key not in offered and (whole or key.startswith(b"u:")):
                del self.too_large[key]
                changed = True
        if len(self.ambiguous) > MOST_AMBIGUOUS:
            self.ambiguous &= offered
            changed = True
        return changed

    # ---- as octets

    def records(self) -> Iterator[bytes]:
        """Everything, in as few records as it takes."""
        yield _record(HEAD)
        for key in sorted(self.ambiguous):
            yield _record(b"A %b" % key)
        for key, entry in self.done.items():
            yield _record(
                b"D %b %b %d %d" % (key, entry.digest, entry.at, entry.absent)
            )
        for key, octets in sorted(self.too_large.items()):
            yield _record(b"S %b %d" % (key, octets))
        for intent in list(self.intents.values()):
            yield self.intend(intent)

    def repeat(self, record: bytes) -> None:
        """Make the change that a record tells of; see :func:`sound_records`."""
        verb, *words = record.split(b" ")
        key = words[0]
        match verb:
            case b"I":
                digest, size, name, at = words[1:]
                found = Intent(key, digest, int(size), name.decode("ascii"), int(at))
                self.intend(found)
            case b"D":
                self.deliver(key, words[1], int(words[2]), int(words[3]))
            case b"S":
                self.leave(key, int(words[1]))
            case b"A":
                self.doubt(key)
            case _:
                self.forget(key)

    def _drop(self, key: bytes) -> None:
        self.intents.pop(key, None)
        self.too_large.pop(key, None)
        entry = self.done.pop(key, None)
        if entry is not None:
            keys = self._by_digest[entry.digest]
            keys.discard(key)
            if not keys:
                del self._by_digest[entry.digest]


def read_book(octets: bytes) -> tuple[Book, bool]:
    """The book of a file, and whether all of the file was sound.

    Raises:
        ValueError: it is no ledger, or one of a later version.
    """
    book = Book()
    records, sound = sound_records(octets)
    if octets and records[:1] != [HEAD]:
        msg = "no ledger of this version"
        raise ValueError(msg)
    for record in records[1:]:
        book.repeat(record)
    return book, sound


def sound_records(octets: bytes) -> tuple[list[bytes], bool]:
    """The records that are not damaged, and whether that is all of them.

    Only the last one can be torn by a crash. What stands behind a damaged one is taken
    as well: that a message was delivered is worth to be known.
    """
    lines = octets.split(b"\n")
    sound = not lines.pop()
    found: list[bytes] = []
    for line in lines:
        check, _, record = line.partition(b" ")
        if check == _checksum(record) and _is_whole(record):
            found.append(record)
        else:
            sound = False
    return found, sound


def content_key(digest: bytes, which: int) -> bytes:
    """The key of a message without a unique-id of its own; ``which`` counts from 0."""
    return b"c:%b:%d" % (digest, which)


def unique_key(name: bytes) -> bytes:
    """The key of a message with a unique-id."""
    return b"u:" + name


def join(records: Iterable[bytes]) -> bytes:
    """Records as they stand in a file."""
    return b"".join(records)


def _is_whole(record: bytes) -> bool:
    words = record.split(b" ")
    return record == HEAD or len(words) == _FIELDS.get(words[0], 0)


def _record(words: bytes) -> bytes:
    return b"%b %b\n" % (_checksum(words), words)


def _checksum(record: bytes) -> bytes:
    return b"%08x" % binascii.crc32(record)

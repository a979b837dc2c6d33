"""What a client was told, on disk before it goes on; and what follows for the store.

========  ==============================================================
L1        what was acknowledged is stored
L2        what is stored was sent, octet for octet
L3        a message is there once for each time it was sent, at most; and
          not for a time that was refused
L4        no part of a message is visible
L5        a UID and a UIDL mean one message for ever
L6        a server that crashed starts again at once, by itself
========  ==============================================================

L6 is for who starts the server; the others are :class:`Checker`'s.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from attrs import define, field
from twisted.internet.task import Clock

from mailapp.net.threads import inline
from mailapp.storage.maildir.store import MaildirStore
from mailapp.storage.types import INBOX_ID, AccountId
from tests.contract.store_case import gathered, now

DOMAIN: Final = "example.test"
Copy = tuple[str, str]  # of a message (its id) in a mailbox (the user)


def message(number: str, size: int) -> bytes:
    """A message that can be told from every other, and from every part of it."""
    line = f"..{number} is what this message is about\r\n".encode()
    body = line * (size // len(line) + 1)
    return (
        f"From: bob@{DOMAIN}\r\nSubject: {number}\r\nX-Crash-Id: {number}\r\n"
        f"X-Crash-Hash: {sha256(body).hexdigest()}\r\n\r\n"
    ).encode() + body


def identified(octets: bytes) -> str | None:
    """The id of a whole message; None if this is not one, or not the one sent."""
    head, _, body = octets.partition(b"\r\n\r\n")
    _, _, named = head.partition(b"\r\nX-Crash-Id: ")
    number, _, hashed = named.partition(b"\r\nX-Crash-Hash: ")
    if not number or hashed.decode("ascii", "replace") != sha256(body).hexdigest():
        return None
    return number.decode("ascii", "replace")


@define
class Fates:
    """How often each copy met each fate."""

    sent: Counter[Copy] = field(factory=Counter)
    acked: Counter[Copy] = field(factory=Counter)
    refused: Counter[Copy] = field(factory=Counter)
    deleting: Counter[Copy] = field(factory=Counter)
    deleted: Counter[Copy] = field(factory=Counter)

    def count(self, word: str, copy: Copy) -> None:
        """Count one."""
        fates = {
            "sent": self.sent,
            "acked": self.acked,
            "refused": self.refused,
            "deleting": self.deleting,
            "deleted": self.deleted,
        }
        fates[word][copy] += 1


class Ledger:
    """The client's book: nothing is sent, and no reply is used, before it is in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._fates = Fates()

    def note(self, word: str, copies: Iterable[Copy]) -> None:
        """Write down that this happens to these copies: for example ``sent``."""
        copies = list(copies)
        lines = "".join(f"{word} {number} {user}\n" for number, user in copies)
        os.write(self._fd, lines.encode())
        os.fsync(self._fd)
        with self._lock:
            for copy in copies:
                self._fates.count(word, copy)

    def fates(self) -> Fates:
        """What has happened so far."""
        with self._lock:
            return deepcopy(self._fates)

    def reread(self) -> Fates:
        """The same, from the file."""
        fates = Fates()
        for line in self._path.read_text().splitlines():
            word, number, user = line.split()
            fates.count(word, (number, user))
        return fates

    def close(self) -> None:
        """Write no more."""
        os.close(self._fd)


class Checker:
    """Compares a store with a ledger, again and again over the life of the store.

    Args:
        mail: the folder of all accounts.
        users: whose mailboxes the ledger is about.
    """

    def __init__(self, mail: Path, users: Iterable[str]) -> None:
        self._mail = mail
        self._users = list(users)
        self._known: dict[Copy, str] = {}
        self._uids: dict[tuple[str, int], bytes] = {}
        self._validity: dict[str, int] = {}

    def problems(
        self, fates: Fates, *, then: Fates | None = None, numbers: bool = True
    ) -> list[str]:
        """Every promise that is broken.

        Args:
            fates: all that ever happened.
            then: what had happened when the power was cut; None is all.
            numbers: look at UIDs too; that moves files from new to cur.
        """
        then = then or fates
        found: list[str] = []
        stored: Counter[Copy] = Counter()
        for user in self._users:
            for problem, number in self._contents(user):
                if problem:
                    found.append(f"{problem} in {user}")
                else:
                    stored[number, user] += 1
        for copy in fates.sent.keys() | stored.keys():
            least = max(0, then.acked[copy] - fates.deleting[copy])
            most = fates.sent[copy] - then.refused[copy] - then.deleted[copy]
            if stored[copy] < least:
                found.append(f"L1: {copy} was acknowledged and is lost")
            if not fates.sent[copy]:
                found.append(f"L2: {copy} is stored and was never sent")
            elif stored[copy] > most:
                found.append(f"L3: {stored[copy]} copies of {copy}, not {most}")
        if numbers:
            found += self._renumbered()
        return found

    def leftovers(self) -> list[Path]:
        """What lies where only messages on their way may be."""
        places = [self._mail / ".staging"]
        places += [self._mail / DOMAIN / user / "tmp" for user in self._users]
        return [file for place in places for file in place.iterdir()]

    def files(self, user: str) -> Iterator[Path]:
        """Every visible message."""
        box = self._mail / DOMAIN / user
        yield from (box / "new").iterdir()
        yield from (box / "cur").iterdir()

    def _contents(self, user: str) -> Iterator[tuple[str, str]]:
        """For each file what is wrong with it, or else the id of its message.

        A file that was whole before is not read again: its name says enough.
        """
        seen: set[str] = set()
        for file in self.files(user):
            unique = file.name.partition(",")[0]
            number = self._known.get((unique, user))
            if unique in seen:
                yield f"L5: two files have the UIDL {unique}", ""
                number = None
            seen.add(unique)
            if number is None:
                number = identified(file.read_bytes())
            if number is None:
                yield f"L4: {file.name} is not whole", ""
                continue
            self._known[unique, user] = number
            yield "", number

    def _renumbered(self) -> Iterator[str]:
        """UIDs that were given to a second message; they are looked at as IMAP does."""
        store: Any = MaildirStore(self._mail, inline, clock=Clock())
        for user in self._users:
            account = now(store.open(AccountId(f"{user}@{DOMAIN}")))
            inbox = now(account.folders())[0]
            if self._validity.setdefault(user, inbox.uid_validity) != (
                inbox.uid_validity
            ):
                yield f"L5: {user} has another UIDVALIDITY"
            for batch in now(gathered(account.rows(INBOX_ID))):
                for row in batch:
                    if self._uids.setdefault((user, row.uid), row.guid) != row.guid:
                        yield f"L5: UID {row.uid} of {user} is another message now"
        now(store.close())

"""The account's limit and use, in Maildir++'s ``maildirsize``.

The first line is the limit (``<octets>S,<messages>C``); each further line is octets and
messages that came or went. Whoever adds a message appends its line first and looks
afterwards whether the sum still fits; if not, takes the line back. So deliveries side
by side, in any number of processes, never pass the limit together. While a line is
appended whose message does not lie there yet, the lock file is held shared; adding up
the mailboxes anew takes it alone, and notes in it that it was done since the machine
started: lines are not made durable, so a power cut may lose some.

An account without the file has no limit, and costs one call that fails.

All messages count, also those in Trash and those with the flag ``T``, as with Dovecot;
Courier leaves both out.

Source: Courier, "Maildir++ and quotas" (README.maildirquota).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Final

from attrs import evolve, frozen

from mailapp.storage.files import Files, read_whole, replace
from mailapp.storage.maildir.filename import parse
from mailapp.storage.maildir.layout import PARTS, QUOTA, folder_name
from mailapp.storage.maildir.uids import locked
from mailapp.storage.types import OverQuota, Usage

QUOTA_LOCK: Final = b"mailapp-quota.lock"
MOST_OCTETS: Final = 5120
"""A longer file is added up anew (Maildir++)."""
_LIMIT: Final = re.compile(rb"([0-9]{1,18})([SC])")
_LINE: Final = re.compile(rb" *(-?[0-9]{1,18}) +(-?[0-9]{1,18}) *")


def parse_use(text: bytes) -> Usage | None:
    """What the file says; None when it is damaged or a line is cut."""
    if not text.endswith(b"\n"):
        return None
    header, *lines = text[:-1].split(b"\n")
    limit = parse_limit(header)
    if limit is None:
        return None
    octets = messages = 0
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        octets += int(match[1])
        messages += int(match[2])
    if octets < 0 or messages < 0:
        return None
    return Usage(messages, octets, limit[0], limit[1])


def parse_limit(header: bytes) -> tuple[int, int] | None:
    """Octets and messages of the first line."""
    octets = messages = 0
    for part in header.split(b","):
        match = _LIMIT.fullmatch(part.strip())
        if match is None:
            return None
        if match[2] == b"S":
            octets = int(match[1])
        else:
            messages = int(match[1])
    return octets, messages


def passed(use: Usage) -> bool:
    """Is a limit passed?"""
    return 0 < use.limit_octets < use.octets or 0 < use.limit_messages < use.messages


def _more(use: Usage, octets: int, messages: int) -> Usage:
    return evolve(use, octets=use.octets + octets, messages=use.messages + messages)


def folders(files: Files, account: bytes) -> list[bytes]:
    """Paths of all mailboxes of an account, INBOX first."""
    names = sorted(d for d in files.directories(account) if folder_name(d))
    return [account, *(account + b"/" + name for name in names)]


def counted(files: Files, account: bytes) -> tuple[int, int]:
    """Octets and messages that lie there."""
    octets = messages = 0
    for path in folders(files, account):
        for part in PARTS[:2]:
            try:
                names = files.names(path + b"/" + part)
            except FileNotFoundError:
                continue
            for name in names:
                size = _size(files, path + b"/" + part + b"/", name)
                if size is not None:
                    octets += size
                    messages += 1
    return octets, messages


def _size(files: Files, path: bytes, name: bytes) -> int | None:
    parsed = parse(name)
    if parsed is None:
        return None
    if parsed.size is not None:
        return parsed.size
    try:
        return files.facts(path + name).size
    except FileNotFoundError:
        return None


@frozen
class Quota:
    """The limit of one account."""

    files: Files
    account: bytes

    def usage(self) -> Usage:
        """What it holds and may hold."""
        text = read_whole(self.files, self.account + b"/" + QUOTA)
        if text is None:
            octets, messages = counted(self.files, self.account)
            return Usage(messages, octets)
        return parse_use(text) or self.recount()

    def limited(self) -> bool:
        """Does the account have a limit?"""
        return self.files.exists(self.account + b"/" + QUOTA)

    def limit(self, octets: int) -> None:
        """Set the limit in octets; 0 is none."""
        path = self.account + b"/" + QUOTA
        text = read_whole(self.files, path)
        if not octets and text is None:
            return
        with locked(self.files, self.account + b"/" + QUOTA_LOCK):
            if not octets:
                self.files.unlink(path)
                self.files.sync_directory(self.account)
                return
            use = parse_use(text or b"")
            if use is None or use.limit_octets != octets:
                self._rewrite(octets, use.limit_messages if use else 0)

    def room(self, octets: int, messages: int = 1) -> bool:
        """Look whether there seems to be room; a full mailbox is added up anew.

        May wait for every delivery under way, so the caller holds no reservation.

        Returns:
            False: there is no limit, and nothing to reserve.

        Raises:
            OverQuota: there is no room.
        """
        text = read_whole(self.files, self.account + b"/" + QUOTA, MOST_OCTETS + 1)
        if text is None:
            return False
        use = parse_use(text) if self._same_boot() else None
        if (
            use is None
            or len(text) > MOST_OCTETS
            or passed(_more(use, octets, messages))
        ):
            use = self.recount()
            if passed(_more(use, octets, messages)):
                raise OverQuota
        return True

    def reserve(self, octets: int, messages: int = 1) -> Reservation:
        """Reserve room, until the reservation is kept or given back.

        Raises:
            OverQuota: there is no room.
        """
        lock = self.files.open_scratch(self.account + b"/" + QUOTA_LOCK)
        try:
            self.files.lock(lock, wait=True, shared=True)
            fits = self.append(octets, messages)
            if not fits:
                self.append(-octets, -messages)
        except OSError:
            self.files.close(lock)
            raise
        if fits:
            return Reservation(self, lock, octets, messages)
        self.files.close(lock)
        raise OverQuota

    def removed(self, octets: int, messages: int) -> None:
        """Say that messages went."""
        if self.limited():
            self._take_back(octets, messages)

    def recount(self) -> Usage:
        """Add up the mailboxes anew."""
        with locked(self.files, self.account + b"/" + QUOTA_LOCK) as lock:
            text = read_whole(self.files, self.account + b"/" + QUOTA) or b""
            limit = parse_limit(text.partition(b"\n")[0]) or (0, 0)
            use = self._rewrite(*limit)
            self.files.overwrite(lock, b"%-40s\n" % self.files.boot())
            return use

    def _same_boot(self) -> bool:
        """It was added up since the machine started: lines may be lost by a cut."""
        note = read_whole(self.files, self.account + b"/" + QUOTA_LOCK, 40) or b""
        return note.rstrip() == self.files.boot()

    def _rewrite(self, limit_octets: int, limit_messages: int) -> Usage:
        octets, messages = counted(self.files, self.account)
        limits = [b"%dS" % limit_octets] if limit_octets else []
        limits += [b"%dC" % limit_messages] if limit_messages else []
        text = b"%s\n%d %d\n" % (b",".join(limits) or b"0S", octets, messages)
        replace(self.files, self.account, QUOTA, text)
        return Usage(messages, octets, limit_octets, limit_messages)

    def _take_back(self, octets: int, messages: int) -> None:
        lock = self.account + b"/" + QUOTA_LOCK
        with locked(self.files, lock, shared=True):
            self.append(-octets, -messages)

    def append(self, octets: int, messages: int) -> bool:
        """Add a line; does the sum still fit?"""
        fd = self.files.open_append(self.account + b"/" + QUOTA)
        try:
            self.files.write(fd, b"%d %d\n" % (octets, messages))
            use = parse_use(self.files.read(fd, 0, 1 << 20))
            return use is None or not passed(use)
        finally:
            self.files.close(fd)


@frozen
class Reservation:
    """Room for a message that is about to lie there. Keep it or give it back, once."""

    quota: Quota
    _lock: int
    _octets: int
    _messages: int

    def keep(self) -> None:
        """The message lies there."""
        self.quota.files.close(self._lock)

    def give_back(self) -> None:
        """It does not. If the line can't be written, the next recount sets it right."""
        try:
            with suppress(OSError):
                self.quota.append(-self._octets, -self._messages)
        finally:
            self.quota.files.close(self._lock)

"""Writes mailboxes as a Maildir++ that Dovecot, Courier and mutt read as it is.

Messages are written octet for octet, their lines end in CRLF. Flags are in the names,
keywords in ``dovecot-keywords``, the time of arrival is the time of the file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from string import ascii_lowercase

from attrs import define, field, frozen

from mailapp.moving.outlet import Taken
from mailapp.storage.files import Files, replace
from mailapp.storage.maildir.filename import MessageName
from mailapp.storage.maildir.folders import MARK, make_maildir
from mailapp.storage.maildir.keywords import Keywords
from mailapp.storage.maildir.layout import KEYWORDS, folder_directory
from mailapp.storage.maildir.letters import FORWARDED
from mailapp.storage.maildir.marks import SUBSCRIPTIONS, format_subscriptions


@frozen
class MaildirTarget:
    """A Maildir++.

    Attributes:
        files: the disk.
        path: where it lies; the folder is there.
        unique: begins the names of its messages.
    """

    files: Files
    path: bytes
    unique: bytes

    def box(self, name: tuple[str, ...], keywords: Sequence[str]) -> MaildirBox:
        """See :class:`mailapp.moving.outlet.Target`."""
        directory = folder_directory(name)
        path = self.path + b"/" + directory if directory else self.path
        make_maildir(self.files, path)
        if directory:
            with suppress(FileExistsError):
                self.files.close(self.files.create(path + b"/" + MARK))
        words = sorted(keywords)
        if len(words) > len(ascii_lowercase):
            words.remove(FORWARDED)  # the one that has a letter anyway
        known = Keywords(dict(zip(ascii_lowercase, words, strict=False)))
        if words:
            replace(self.files, path, KEYWORDS, known.format())
        return MaildirBox(self.files, path, self.unique, known)

    def close(self, subscribed: Collection[tuple[str, ...]]) -> None:
        """See :class:`mailapp.moving.outlet.Target`."""
        make_maildir(self.files, self.path)  # also where INBOX was not wanted
        octets = format_subscriptions(frozenset(subscribed), tabbed=False)
        replace(self.files, self.path, SUBSCRIPTIONS, octets)
        os.sync()  # thousands of files at once, where each alone takes its time


@define(eq=False)
class MaildirBox:
    """One folder. See :class:`mailapp.moving.outlet.Box`."""

    _files: Files
    _path: bytes
    _unique: bytes
    _keywords: Keywords
    _count: int = field(default=0, init=False)

    async def add(self, message: Taken) -> None:
        """See :class:`mailapp.moving.outlet.Box`."""
        seconds, _, rest = self._unique.partition(b".")
        unique = b"%b.M%06d%b" % (seconds, self._count, rest)
        waiting = self._path + b"/tmp/" + unique
        fd = self._files.create(waiting)
        try:
            try:
                async for octets in message.chunks:
                    self._files.write(fd, octets)
                self._files.set_mtime(fd, message.received)
            finally:
                self._files.close(fd)
        except BaseException:
            self._files.unlink(waiting)
            raise
        self._count += 1
        unknown = self._keywords.missing(message.flags)
        letters = self._keywords.letters(message.flags - frozenset(unknown))
        name = MessageName(unique, message.size, message.size, flags=letters)
        self._files.rename(waiting, self._path + b"/cur/" + name.format())

    def close(self) -> None:
        """See :class:`mailapp.moving.outlet.Box`: the target makes it durable."""

    def abort(self) -> None:
        """See :class:`mailapp.moving.outlet.Box`: each message is whole by itself."""

r"""Subscriptions and special uses as files in the account's directory.

``subscriptions`` is Dovecot's file, so that both can serve the same account: a line for
each name, its levels in modified UTF-7 with a period between, as the directory is
called. Since version 2.3 Dovecot writes a header and tabs between the levels; that is
read, too, and the form of the file is kept.

``mailapp-uses`` has a line ``<mailbox id> \Use …`` for each mailbox that has any.

Source: lib-storage/list/subscription-file.c of Dovecot 2.3.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

from attrs import frozen
from zope.interface import implementer

from mailapp.storage.files import Files, read_whole, replace
from mailapp.storage.interfaces import IMarks
from mailapp.storage.maildir.layout import decode_level, encode_level
from mailapp.storage.maildir.uids import locked
from mailapp.storage.marks import assigned, subscribed
from mailapp.storage.names import canonical
from mailapp.storage.types import BadName, FolderId, Noted

SUBSCRIPTIONS: Final = b"subscriptions"
USES: Final = b"mailapp-uses"
_LOCK: Final = b"mailapp-marks.lock"
_HEADER: Final = b"V\t2\n\n"
_USE: Final = re.compile(rb"([0-9]{1,18})((?: \\[A-Za-z]{1,30})+)")
_T = TypeVar("_T")


class Blocking(Protocol):
    """Runs what blocks, and tells trouble of the disk as a StoreError."""

    def __call__(self, work: Callable[..., _T], *arguments: Any) -> Awaitable[_T]:
        """What the work returns."""


@frozen
@implementer(IMarks)
class MaildirMarks:
    """See :class:`IMarks`.

    Attributes:
        path: of the account.
    """

    _files: Files
    _blocking: Blocking
    path: bytes

    async def read(self) -> Noted:
        """See :class:`IMarks`."""
        return await self._blocking(self._read)

    async def subscribe(self, name: tuple[str, ...], *, on: bool) -> None:
        """See :class:`IMarks`."""
        await self._blocking(self._subscribe, name, on)

    async def assign(self, folder: FolderId, uses: frozenset[str]) -> None:
        """See :class:`IMarks`."""
        await self._blocking(self._assign, folder, uses)

    # ---- in threads

    def _read(self) -> Noted:
        names, _ = parse_subscriptions(self._octets(SUBSCRIPTIONS))
        return Noted(names, parse_uses(self._octets(USES)))

    def _subscribe(self, name: tuple[str, ...], on: bool) -> None:  # noqa: FBT001 - for a thread
        with locked(self._files, self.path + b"/" + _LOCK):
            names, tabbed = parse_subscriptions(self._octets(SUBSCRIPTIONS))
            wanted = subscribed(Noted(names), name, on=on).subscribed
            if wanted != names:
                octets = format_subscriptions(wanted, tabbed=tabbed)
                replace(self._files, self.path, SUBSCRIPTIONS, octets)

    def _assign(self, folder: FolderId, uses: frozenset[str]) -> None:
        with locked(self._files, self.path + b"/" + _LOCK):
            known = Noted(uses=parse_uses(self._octets(USES)))
            wanted = assigned(known, folder, uses)
            if wanted != known:
                replace(self._files, self.path, USES, format_uses(wanted))

    def _octets(self, name: bytes) -> bytes:
        return read_whole(self._files, self.path + b"/" + name) or b""


def parse_subscriptions(octets: bytes) -> tuple[frozenset[tuple[str, ...]], bool]:
    """The names, and if tabs are between the levels; what is no name is left out."""
    tabbed = octets.startswith(_HEADER)
    if tabbed:
        octets = octets[len(_HEADER) :]
    names = set()
    for line in octets.split(b"\n"):
        name = _name(line.split(b"\t" if tabbed else b"."))
        if name is not None:
            names.add(name)
    return frozenset(names), tabbed


def _name(levels: list[bytes]) -> tuple[str, ...] | None:
    try:
        return canonical(tuple(decode_level(level) for level in levels))
    except (BadName, ValueError):
        return None


def format_subscriptions(names: frozenset[tuple[str, ...]], *, tabbed: bool) -> bytes:
    """The file."""
    between = b"\t" if tabbed else b"."
    lines = (
        between.join(encode_level(level) for level in name) + b"\n"
        for name in sorted(names)
    )
    return (_HEADER if tabbed else b"") + b"".join(lines)


def parse_uses(octets: bytes) -> dict[FolderId, frozenset[str]]:
    """What the lines say; those that make no sense are passed over."""
    found = {}
    for line in octets.split(b"\n"):
        match = _USE.fullmatch(line)
        if match is not None:
            uses = frozenset(match[2].decode("ascii").split())
            found[FolderId(int(match[1]))] = uses
    return found


def format_uses(noted: Noted) -> bytes:
    """The file."""
    return "".join(
        f"{folder} {' '.join(sorted(uses))}\n"
        for folder, uses in sorted(noted.uses.items())
    ).encode("ascii")

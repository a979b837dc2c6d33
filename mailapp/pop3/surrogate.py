"""What a client sees of a message in UTF-8 if it did not ask for UTF8 (RFC 6856).

Section 2.1: without UTF8 mode the server must "either send the client a surrogate
message" in ASCII headers, "or fail the request". Here a surrogate is made of messages
up to :data:`LIMIT_OCTETS`; the others are refused with [UTF8] (section 5).

Bodies in 8 bits are sent as they are, as POP3 servers always did; it is headers, those
of parts too, that old clients can't read.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from attrs import define, field

from mailapp.pop3 import replies
from mailapp.pop3.multiline import close_chunks
from mailapp.pop3.replies import Reply
from mailapp.storage.maildrop import Absence, Content, Maildrop
from mailapp.storage.types import Item

LIMIT_OCTETS: Final = 8 * 1024 * 1024
"""Larger messages would have to lie in memory whole."""
_BLANK: Final = b"\r\n\r\n"
_HAS_PARTS: Final = re.compile(rb"multipart/|message/", re.IGNORECASE)

Downgrade = Callable[[bytes], Awaitable[bytes]]
"""Makes the surrogate of a whole message (RFC 6857)."""


@define
class View:
    """How one session sees messages.

    Attributes:
        downgrade: None: messages that need UTF8 mode are refused without it.
        utf8: the client asked for UTF8 mode.
        sizes: octets of the surrogates that were made, by message number.
    """

    downgrade: Downgrade | None = None
    utf8: bool = False
    sizes: dict[int, int] = field(factory=dict)

    async def read(self, number: int, item: Item, drop: Maildrop) -> Content | Reply:
        """A message as this client gets it, or why it does not.

        Raises:
            StoreError: it can't be read now.
        """
        content = await drop.read(item)
        if isinstance(content, Absence):
            return replies.VANISHED
        if self.shows(content.first):
            return content
        if item.size_octets > LIMIT_OCTETS and _header(content.first).isascii():
            # deviates: the header of a part far inside may hold UTF-8
            return content
        whole = await _join(content) if self.downgrade is not None else None
        if whole is None or self.downgrade is None:
            await _close(content)
            return replies.NEEDS_UTF8
        surrogate = await self.downgrade(whole)
        if len(surrogate) != item.size_octets:
            self.sizes[number] = len(surrogate)
        return Content(surrogate)

    def shows(self, first: bytes) -> bool:
        """Whether a message that begins so is shown as it is."""
        return first.isascii() or self.utf8 or _is_plain(first)

    async def size(self, number: int, item: Item, drop: Maildrop) -> int | Reply:
        """What LIST says of one message.

        RFC 6856, section 2.1: it "SHOULD match the actual number of octets sent".
        """
        if self.utf8:
            return item.size_octets
        if number not in self.sizes:
            content = await self.read(number, item, drop)
            if isinstance(content, Content):
                await _close(content)
            elif content is not replies.VANISHED:
                return content
        return self.sizes.get(number, item.size_octets)


def _header(first: bytes) -> bytes:
    """The header, as far as it lies in the first chunk."""
    if first.startswith(b"\r\n"):
        return b""
    end = first.find(_BLANK)
    return first if end < 0 else first[:end]


def _is_plain(first: bytes) -> bool:
    """No header in the first chunk needs UTF8 mode."""
    header = _header(first)
    return header.isascii() and _HAS_PARTS.search(header) is None


async def _join(content: Content) -> bytes | None:
    """The whole message; None: it is too large."""
    chunks, size = [content.first], len(content.first)
    if content.rest is not None:
        async for chunk in content.rest:
            chunks.append(chunk)
            size += len(chunk)
            if size > LIMIT_OCTETS:
                return None
    return b"".join(chunks)


async def _close(content: Content) -> None:
    if content.rest is not None:
        await close_chunks(content.rest)

"""The 7-bit rule at the hop: as it is, converted, or not at all.

RFC 5321, section 2.4; RFC 6152, section 3; RFC 3030, section 3; RFC 6531, section 3.6.
What a next server can't take is never sent to it, and no bit is ever cleared: the
message becomes valid 7-bit MIME on a copy (:mod:`mailapp.message.sevenbit`), or it
fails with 5.6.3 (content), 5.6.7 (address) or 5.6.9 (header).
"""

from __future__ import annotations

from typing import Final

from attrs import frozen
from zope.interface import implementer

from mailapp.core.envelope import Body, Recipient
from mailapp.message.fields import find_body
from mailapp.message.sevenbit import NotConvertible, Obstacle, SevenBit, convert
from mailapp.net.threads import InThread
from mailapp.queue.interfaces import IContent
from mailapp.queue.types import Entry
from mailapp.relay.channel import CHUNK
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.client_states import Trouble

SMALL: Final = CHUNK
"""Octets of a message that is kept in memory and sent in one write."""
_HEADER_LIMIT: Final = 1 << 20
_INLINE: Final = 16_384
"""Octets that are converted at once; more in a thread."""

_SENDER: Final = Trouble(
    "5.6.7", "the next server takes no internationalized sender address"
)
_RECIPIENT: Final = Trouble(
    "5.6.7", "the next server takes no internationalized recipient address"
)
_HEADER: Final = Trouble(
    "5.6.9", "the next server takes only ASCII in a message's header"
)


@implementer(IContent)
class MemoryContent:
    """A content that is at hand."""

    def __init__(self, octets: bytes) -> None:
        self.octets: Final = octets
        self.size_octets: Final = len(octets)

    async def read(self, start: int, length: int) -> bytes:
        """As the interface says."""
        return self.octets[start : start + length]


@frozen
class Fit:
    """What may be sent to this server.

    Attributes:
        content: the message, perhaps converted.
        body: what MAIL declares.
        smtputf8: MAIL declares it.
        converted: it is not the message as it came.
    """

    content: IContent
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    converted: bool = False


def needs_conversion(entry: Entry, offered: Capabilities) -> bool:
    """Whether this server makes us change the content. Hot."""
    if entry.envelope.body is Body.BINARY:
        return not offered.binary
    return entry.eight_bit and not offered.eight_bit


def wants_another(entry: Entry, offered: Capabilities) -> bool:
    """Whether a server that can do more would be better for this message."""
    if entry.envelope.smtputf8 and not offered.smtputf8:
        return True
    return needs_conversion(entry, offered)


async def fit(
    entry: Entry, content: IContent, offered: Capabilities, in_thread: InThread
) -> Fit | Trouble:
    """What of an entry goes to a server with these extensions.

    Recipients are looked at one by one, by :func:`refused`.

    Raises:
        TemporaryFailure: the content can't be read.
    """
    envelope = entry.envelope
    smtputf8 = envelope.smtputf8 and offered.smtputf8
    if not offered.smtputf8:
        sender = envelope.reverse_path
        if sender is not None and not sender.is_ascii:
            return _SENDER
        if envelope.smtputf8 and entry.eight_bit and not await _ascii_header(content):
            return _HEADER
    if needs_conversion(entry, offered):
        return await _converted(content, in_thread)
    if envelope.body is Body.BINARY:
        return Fit(content, Body.BINARY, smtputf8)
    body = Body.EIGHT_BIT if entry.eight_bit else Body.SEVEN_BIT
    return Fit(content, body, smtputf8)


def refused(recipient: Recipient, offered: Capabilities) -> Trouble | None:
    """Why this recipient can't be named to a server with these extensions."""
    if offered.smtputf8 or recipient.address.is_ascii:
        return None
    return _RECIPIENT


async def read_all(content: IContent) -> bytes:
    """The whole content.

    Raises:
        TemporaryFailure: it can't be read.
    """
    octets = await content.read(0, content.size_octets)
    if len(octets) >= content.size_octets:
        return octets
    pieces = [octets]
    position = len(octets)
    while octets := await content.read(position, CHUNK):
        pieces.append(octets)
        position += len(octets)
    return b"".join(pieces)


async def header_of(content: IContent) -> bytes:
    """The header section, or as much of it as anybody looks at.

    Raises:
        TemporaryFailure: it can't be read.
    """
    octets = b""
    while len(octets) < _HEADER_LIMIT:
        more = await content.read(len(octets), CHUNK)
        octets += more
        end = find_body(octets)
        if end is not None:
            return octets[:end]
        if not more:
            break
    return octets


async def _ascii_header(content: IContent) -> bool:
    return (await header_of(content)).isascii()


async def _converted(content: IContent, in_thread: InThread) -> Fit | Trouble:
    octets = await read_all(content)
    if len(octets) > _INLINE:
        result: SevenBit | NotConvertible = await in_thread(convert, octets)
    else:
        result = convert(octets)
    match result:
        case SevenBit():
            changed = result.octets != octets
            return Fit(MemoryContent(result.octets), converted=changed)
        case NotConvertible(reason=Obstacle.HEADER):
            return _HEADER
        case NotConvertible():
            return Trouble(
                "5.6.3", f"the next server takes only 7-bit mail: {result.reason.value}"
            )

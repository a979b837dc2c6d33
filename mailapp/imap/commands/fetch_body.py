"""Octets of messages for FETCH: small ones at once, others in chunks as they are sent.

Of a large message nothing is held but a chunk of 64 KiB and the tree of its parts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from attrs import frozen

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.fetch import Binary, BinarySize, BodySection
from mailapp.imap.responses.fetch_sections import (
    AtHand,
    Body,
    UnknownCte,
    binary_of,
    decoded,
    needed,
    part_of,
)
from mailapp.message.binary import BinaryPiece, Measure, Window
from mailapp.message.fields import HEADER_LIMIT, HeaderScanner, parse_header
from mailapp.message.part import Part, header_only
from mailapp.message.quoting import NIL, without_nul
from mailapp.message.section import Needed, Piece, locate
from mailapp.message.structure import StructureScanner
from mailapp.storage.types import BlobRef, StoreError

SMALL_OCTETS: Final = 64 * 1024
"""A message of this size is held while its row is made."""
_STRUCTURES: Final = 4
"""Trees kept of messages that are read part by part."""


class BrokenOff(Exception):
    """Octets that were announced can't be sent: the connection can't go on."""


@frozen
class Stream:
    """A value that is sent as it is read.

    Attributes:
        head: what announces it.
        size_octets: of all chunks.
        chunks: closed by who reads them.
    """

    head: bytes
    size_octets: int
    chunks: AsyncGenerator[bytes, None]


Value = bytes | Stream


@frozen
class Message:
    """One message whose octets FETCH wants.

    Attributes:
        size_octets: as the columns say.
    """

    context: Context
    uid: int
    blob: BlobRef
    size_octets: int

    async def values(self, items: tuple[Body, ...]) -> list[Value | None]:
        """What each item is; None: it can't be decoded.

        Raises:
            NoSuch: the message is gone.
            Unavailable: it can't be read now.
        """
        if not items:
            return []
        octets = self.context.account.at_hand(self.blob)
        if octets is None and self.size_octets <= SMALL_OCTETS:
            octets = await self._whole()
        if octets is not None:
            at_hand = AtHand(octets)
            return [_held(at_hand, item) for item in items]
        values: list[Value | None] = []
        for item in items:
            try:
                values.append(await self._value(item))
            except UnknownCte:
                values.append(None)
        return values

    async def _whole(self) -> bytes | None:
        """A message that is said to be small; None: it is not."""
        chunks, held = [], 0
        async for chunk in self._read(0, 2 * SMALL_OCTETS):
            chunks.append(chunk)
            held += len(chunk)
        return b"".join(chunks) if held < 2 * SMALL_OCTETS else None

    def _read(self, start: int, length: int) -> AsyncIterator[bytes]:
        return self.context.account.read(self.blob, start, length)

    async def _value(self, item: Body) -> Value:
        root = await self._root(needed(item))
        if isinstance(item, BodySection):
            piece = locate(item.section, root)
            return NIL if piece is None else self._stream(part_of(piece, item))
        binary = binary_of(item, root)
        if binary is None:
            return b"0" if isinstance(item, BinarySize) else NIL
        return await self._decoded(item, binary)

    def _stream(self, piece: Piece) -> Stream:
        size = piece.size_octets
        return Stream(b"{%d}\r\n" % size, size, self._stretches(piece))

    async def _stretches(self, piece: Piece) -> AsyncGenerator[bytes, None]:
        for start, end in piece.ranges:
            async for chunk in self._read(start, end - start):
                yield without_nul(chunk)

    async def _decoded(self, item: Binary | BinarySize, piece: BinaryPiece) -> Value:
        """Decoded twice: the size has to be known first."""
        measure = Measure(piece.decoder())
        async for chunk in self._read(piece.start, piece.end - piece.start):
            measure.feed(chunk)
            await self.context.drain()
        measure.finish()
        if isinstance(item, BinarySize):
            return b"%d" % measure.size_octets
        found = decoded(measure, item.partial)
        start = item.partial.start if item.partial is not None else 0
        window = Window(piece.decoder(), start, found.size_octets)
        return Stream(found.head, found.size_octets, self._windowed(piece, window))

    async def _windowed(
        self, piece: BinaryPiece, window: Window
    ) -> AsyncGenerator[bytes, None]:
        async for chunk in self._read(piece.start, piece.end - piece.start):
            yield window.feed(chunk)
            if window.done:
                return
        yield window.finish()

    # ---- what is known of it

    async def _root(self, wanted: Needed) -> Part:
        known = self.context.selection.structures.get(self.uid)
        if known is not None:
            return known
        if wanted is Needed.STRUCTURE:
            return await self._structure()
        if wanted is Needed.HEADER:
            return await self._header()
        return header_only(parse_header(b""), 0, self.size_octets)

    async def _structure(self) -> Part:
        scanner = StructureScanner()
        async for chunk in self._read(0, 2**62):
            scanner.feed(chunk)
            await self.context.drain()
        root = scanner.finish()
        known = self.context.selection.structures
        while len(known) >= _STRUCTURES:
            del known[next(iter(known))]
        known[self.uid] = root
        return root

    async def _header(self) -> Part:
        scanner = HeaderScanner(HEADER_LIMIT + 1)
        async for chunk in self._read(0, self.size_octets):
            scanner.feed(chunk)
            if scanner.complete:
                break
        start = scanner.body_start
        return header_only(
            parse_header(bytes(scanner.header)),
            self.size_octets if start is None else start,
            self.size_octets,
        )


def _held(message: AtHand, item: Body) -> bytes | None:
    try:
        return message.value(item)
    except UnknownCte:
        return None


async def send(context: Context, stream: Stream) -> None:
    """Send the octets that were announced: so many, no more and no less.

    Raises:
        BrokenOff: the message does not have them.
    """
    left = stream.size_octets
    try:
        async for chunk in stream.chunks:
            context.send(chunk[:left])
            left -= len(chunk)
            await context.drain()
            if left <= 0:
                break
    except StoreError as problem:
        raise BrokenOff from problem
    finally:
        await stream.chunks.aclose()
    if left > 0:
        raise BrokenOff

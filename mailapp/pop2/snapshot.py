"""One message as POP2 shows it: fixed at READ, the same until its acknowledgment.

The count that is announced is the count that is sent (RFC 937, page 5), in 7 bits:

* a message that is NVT-ASCII already comes from the store as it is, at any size;
* any other one is converted, if it is not too large, and kept in memory; all sessions
  share the room for that;
* what can't be converted is shown with ``?`` for each octet that is not ASCII.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

from attrs import define, frozen

from mailapp.pop2.replies import Message
from mailapp.pop2.sevenbit import Mender, Scan, is_clean
from mailapp.storage.maildrop import Absence, Content, Maildrop
from mailapp.storage.types import Item, Unavailable

KEPT_OCTETS: Final = 16 * 1024
"""A clean message up to this size is kept, so that RETR reads nothing."""
_SLICE_CHUNKS: Final = 8  # of some 64 KiB, between two turns of the reactor

Convert = Callable[[bytes], Awaitable[bytes | None]]
"""A whole message to one in 7-bit MIME; None: that is not possible."""
Pause = Callable[[float], Awaitable[object]]


class NoRoom(Exception):
    """Others convert as much as may be converted at a time."""


@define
class Room:
    """Octets in memory that all sessions share.

    Attributes:
        free: left of them.
    """

    free: int = 64 * 2**20

    def take(self, octets: int) -> None:
        """Have some until they are given back.

        Raises:
            NoRoom: there are not so many.
        """
        if octets > self.free:
            raise NoRoom
        self.free -= octets

    def give_back(self, octets: int) -> None:
        """They are free again."""
        self.free += octets


@frozen
class Showing:
    """How messages are shown.

    Attributes:
        convert: makes 7-bit MIME of a message; runs where it may take its time.
        room: for converted messages.
        most_octets: a larger message is not converted.
        pause: gives others a turn; None: nobody waits.
    """

    convert: Convert
    room: Room
    most_octets: int = 8 * 2**20
    pause: Pause | None = None


@frozen
class Snapshot:
    """A message and its exact size.

    Attributes:
        octets: None: it is read from the store again.
        mended: what comes from the store goes through the :class:`Mender`.
        held: octets of the room, to be given back.
    """

    item: Item
    size_octets: int
    octets: bytes | None = None
    mended: bool = False
    held: int = 0


async def measure(drop: Maildrop, item: Item, showing: Showing) -> Snapshot | None:
    """Fix what will be shown; None: the message has vanished.

    Raises:
        NoRoom: to convert it, there must be room.
        StoreError: it can't be read now.
    """
    scan = Scan()
    content = await drop.read(item)
    if isinstance(content, Absence):
        return None
    async with aclosing(_slowly(content, showing.pause)) as chunks:
        async for chunk in chunks:
            scan.feed(chunk)
    size_octets = scan.size_octets
    if scan.finish():
        kept = content.rest is None and size_octets <= KEPT_OCTETS
        return Snapshot(item, size_octets, content.first if kept else None)
    if size_octets <= showing.most_octets:
        converted = await _converted(drop, item, size_octets, showing)
        if converted is not None:
            return converted
    return await _mended(drop, item, showing)


async def show(snapshot: Snapshot, drop: Maildrop) -> Message | None:
    """The octets that were measured; None: the message has vanished.

    Raises:
        StoreError: it can't be read now.
    """
    if snapshot.octets is not None:
        return Message(snapshot.octets)
    content = await drop.read(snapshot.item)
    if isinstance(content, Absence):
        return None
    return Message(Counted(snapshot, content))


class Counted:
    """The chunks of a message, exactly as many octets as were announced.

    Another program may write to the file meanwhile; then the transfer breaks off, as
    fewer or other octets would pass for the message.
    """

    __slots__ = ("_chunks", "_left")

    def __init__(self, snapshot: Snapshot, content: Content) -> None:
        self._left = snapshot.size_octets
        self._chunks = _mended_chunks(content) if snapshot.mended else _chunks(content)

    def __aiter__(self) -> Counted:
        return self

    async def __anext__(self) -> bytes:
        """Raises StoreError where the message breaks off or has changed."""
        chunk = await anext(self._chunks, None)
        if chunk is None:
            if self._left:
                raise Unavailable
            raise StopAsyncIteration
        self._left -= len(chunk)
        if self._left < 0:
            raise Unavailable
        return chunk

    async def aclose(self) -> None:
        """Let go of the message. Closing twice is no error."""
        await self._chunks.aclose()


async def _converted(
    drop: Maildrop, item: Item, size_octets: int, showing: Showing
) -> Snapshot | None:
    """The message in 7-bit MIME; None: it can't be converted."""
    held = 2 * size_octets  # the message, and what becomes of it
    showing.room.take(held)
    try:
        content = await drop.read(item)
        if isinstance(content, Absence):
            return None
        chunks = [chunk async for chunk in _chunks(content)]
        octets = await showing.convert(b"".join(chunks))
        if octets is not None and is_clean(octets):
            snapshot = Snapshot(item, len(octets), octets, held=held)
            held = 0
            return snapshot
        return None
    finally:
        showing.room.give_back(held)


async def _mended(drop: Maildrop, item: Item, showing: Showing) -> Snapshot | None:
    content = await drop.read(item)
    if isinstance(content, Absence):
        return None
    size_octets = 0
    mender = Mender()
    async with aclosing(_slowly(content, showing.pause)) as chunks:
        async for chunk in chunks:
            size_octets += len(mender.mend(chunk))
    size_octets += len(mender.finish())
    return Snapshot(item, size_octets, mended=True)


async def _chunks(content: Content) -> AsyncGenerator[bytes, None]:
    """All of it; what reads the message is closed at the end."""
    yield content.first
    rest = content.rest
    if rest is None:
        return
    try:
        async for chunk in rest:
            yield chunk
    finally:
        aclose = getattr(rest, "aclose", None)
        if aclose is not None:
            await aclose()


async def _mended_chunks(content: Content) -> AsyncGenerator[bytes, None]:
    mender = Mender()
    async with aclosing(_chunks(content)) as chunks:
        async for chunk in chunks:
            yield mender.mend(chunk)
    yield mender.finish()


async def _slowly(content: Content, pause: Pause | None) -> AsyncGenerator[bytes, None]:
    """All of it, with turns for others in between."""
    async with aclosing(_chunks(content)) as chunks:
        number = 0
        async for chunk in chunks:
            yield chunk
            number += 1
            if pause is not None and not number % _SLICE_CHUNKS:
                await pause(0)

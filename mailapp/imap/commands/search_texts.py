"""Reads messages for TEXT and BODY, where no index answers.

Small messages are read together and searched in a thread; a large one is read chunk by
chunk, and no more than that is held of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from attrs import frozen

from mailapp.imap.commands import search_places as places
from mailapp.imap.commands.context import Context
from mailapp.message.collation import casemap
from mailapp.message.imap_facts import read_structure
from mailapp.message.part import Part
from mailapp.message.searching import BREAK, Finder, message_texts, stretches
from mailapp.message.structure import StructureScanner
from mailapp.message.text_parts import TextReader
from mailapp.storage.types import BlobRef, NoSuch

_SMALL_OCTETS: Final = 256 * 1024
_BATCH_OCTETS: Final = 512 * 1024
_BATCH_MESSAGES: Final = 100


@frozen
class Wanted:
    """What is looked for.

    Attributes:
        atom: the key.
        needle: casemapped.
        headers: in the header fields, too.
    """

    atom: int
    needle: str
    headers: bool


async def scan(
    context: Context, wanted: Sequence[Wanted], among: int
) -> AsyncIterator[tuple[int, Collection[int]]]:
    """Places and the keys they match. Messages that are gone match nothing."""
    columns = context.selection.view.columns
    batch: list[tuple[int, bytes]] = []
    held = 0
    for some in places.slices(among, len(columns)):
        await context.selection.complete(some)
        for place in some:
            try:
                if columns.sizes[place] > _SMALL_OCTETS:
                    yield place, await _large(context, columns.blob(place), wanted)
                    continue
                octets = await _small(context, columns.blob(place))
            except NoSuch:
                continue
            batch.append((place, octets))
            held += len(octets)
            if held >= _BATCH_OCTETS or len(batch) >= _BATCH_MESSAGES:
                for found in await context.service.in_thread(_search, batch, wanted):
                    yield found
                batch, held = [], 0
            await context.drain()
    for found in await context.service.in_thread(_search, batch, wanted):
        yield found


async def _small(context: Context, blob: BlobRef) -> bytes:
    octets = context.account.at_hand(blob)
    if octets is not None:
        return octets
    chunks = [chunk async for chunk in context.account.read(blob, 0, 2 * _SMALL_OCTETS)]
    return b"".join(chunks)


def _search(
    batch: Sequence[tuple[int, bytes]], wanted: Sequence[Wanted]
) -> list[tuple[int, set[int]]]:
    """In a thread: which message matches which keys."""
    return [(place, _matches(octets, wanted)) for place, octets in batch]


def _matches(octets: bytes, wanted: Sequence[Wanted]) -> set[int]:
    def read(start: int, end: int) -> bytes:
        return octets[start:end]

    root = read_structure(read, len(octets))
    found: set[int] = set()
    for headers in (True, False):
        some = [each for each in wanted if each.headers is headers]
        if some:
            finder = Finder([each.needle for each in some])
            for text in message_texts(read, root, headers=headers):
                if finder.feed(text):
                    break
            found |= _found(finder, some)
    return found


def _found(finder: Finder, wanted: Sequence[Wanted]) -> set[int]:
    missing = set(finder.missing)
    return {each.atom for each in wanted if each.needle not in missing}


# ---- large messages


async def _large(context: Context, blob: BlobRef, wanted: Sequence[Wanted]) -> set[int]:
    root = await _structure(context, blob)
    found: set[int] = set()
    for headers in (True, False):
        some = [each for each in wanted if each.headers is headers]
        if some:
            finder = Finder([each.needle for each in some])
            async for text in _texts(context, blob, root, headers=headers):
                if finder.feed(text):
                    break
                await context.drain()
            found |= _found(finder, some)
    return found


async def _structure(context: Context, blob: BlobRef) -> Part:
    scanner = StructureScanner()
    async for chunk in context.account.read(blob):
        scanner.feed(chunk)
        await context.drain()
    return scanner.finish()


async def _texts(
    context: Context, blob: BlobRef, root: Part, *, headers: bool
) -> AsyncIterator[str]:
    """What ``message_texts`` gives, read as it is needed."""
    for piece in stretches(root, headers=headers):
        if isinstance(piece, str):
            yield piece
        else:
            part, end = piece
            reader = TextReader(part)
            length = end - part.body_start
            async for chunk in context.account.read(blob, part.body_start, length):
                yield casemap(reader.feed(chunk))
            # HTML is read when it is whole, which takes a while
            yield await context.service.in_thread(_rest, reader)
        yield BREAK


def _rest(reader: TextReader) -> str:
    return casemap(reader.finish())

"""Reads messages for TEXT and BODY, where no index answers.

Small messages are read and searched in a thread, some in one go; a large one is read
chunk by chunk, and no more than that is held of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from attrs import frozen

from mailapp.imap.commands import search_places as places
from mailapp.imap.commands.context import Context
from mailapp.message.collation import casemap
from mailapp.message.imap_facts import read_structure
from mailapp.message.part import Part
from mailapp.message.searching import BREAK, Finder, message_texts, stretches
from mailapp.message.sieve import Sieve, surely_has
from mailapp.message.structure import StructureScanner
from mailapp.message.text_parts import TextReader
from mailapp.storage.types import UID, BlobRef, NoSuch

_SMALL_OCTETS: Final = 256 * 1024
_OCTETS_AT_ONCE: Final = 512 * 1024
_MESSAGES_AT_ONCE: Final = 100
_NOTHING: Final[frozenset[int]] = frozenset()


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
    """Places and the keys they match; who matches none may be left out."""
    columns, mailbox = context.selection.view.columns, context.selection.mailbox
    look = partial(_matches, Sieve([each.needle for each in wanted]), wanted)
    for some in places.slices(among, len(columns)):
        for batch in _batches(some, columns.sizes):
            uids = [UID(columns.uids[place]) for place in batch]
            for uid, found in await mailbox.inspect(uids, look, _SMALL_OCTETS):
                if found == _NOTHING:
                    continue
                place = columns.place(uid)
                if place is None:
                    continue
                if found is not None:
                    yield place, found
                    continue
                with suppress(NoSuch):
                    yield place, await _large(context, columns.blob(place), wanted)
            await context.drain()


def _batches(some: Sequence[int], sizes: Sequence[int]) -> Iterator[Sequence[int]]:
    """A few messages at once, fewer of larger ones."""
    begin = octets = 0
    for end, place in enumerate(some):
        octets += min(sizes[place], _SMALL_OCTETS)
        if octets > _OCTETS_AT_ONCE or end - begin == _MESSAGES_AT_ONCE:
            yield some[begin:end]
            begin, octets = end, sizes[place]
    yield some[begin:]


def _matches(sieve: Sieve, wanted: Sequence[Wanted], octets: bytes) -> Collection[int]:
    """In a thread: the keys that a message matches. Hot."""

    def read(start: int, end: int) -> bytes:
        return octets[start:end]

    root = read_structure(read, len(octets))
    if not sieve.passes(octets, root):
        return _NOTHING
    found = {
        each.atom
        for each in wanted
        if surely_has(octets, root, each.needle, headers=each.headers)
    }
    for headers in (True, False):
        some = [
            each
            for each in wanted
            if each.headers is headers and each.atom not in found
        ]
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

"""Search keys for which messages are looked at: an index, header fields, or all text.

What costs less comes first, and each round looks only at the messages that the ones
before have not decided (``search_program``). Each message is read once, however many
words are looked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence, Set
from typing import Final

from mailapp.imap.commands import search_places as places
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.search_columns import day_check
from mailapp.imap.commands.search_program import Program
from mailapp.imap.commands.search_texts import Wanted, scan
from mailapp.imap.grammar.values.search import (
    Dated,
    HasObjectId,
    Header,
    Scope,
    SearchKey,
    Text,
)
from mailapp.message.collation import casemap
from mailapp.message.fields import parse_header
from mailapp.message.imap_facts import HeaderFields, Item, Kind
from mailapp.message.searching import field_texts
from mailapp.message.sieve import Sieve
from mailapp.message.sorting import SortKeys
from mailapp.storage.types import UID, TextQuery, Where

_IN_INDEX: Final = {
    where.value.encode(): where
    for where in (Where.SUBJECT, Where.FROM, Where.TO, Where.CC, Where.BCC)
}
_SCOPES: Final = {Scope.BODY: Where.BODY, Scope.TEXT: Where.TEXT}
_MESSAGES_AT_ONCE: Final = 50
_FEW: Final = 200


async def ask_index(context: Context, program: Program, undecided: int) -> None:
    """What the full-text index knows: of all messages, or those it has so far."""
    for atom, key in enumerate(program.atoms):
        query = _query(key)
        if query is None or not undecided or program.is_known(atom):
            continue
        found = await context.selection.mailbox.search(query)
        if found is not None:
            columns = context.selection.view.columns
            looked = columns.places(1, found.reached)
            bits = places.of_ranges([looked], len(columns))
            matching = await _among(context, found.uids)
            program.know(atom, matching & bits, bits)
        await context.drain()


async def _among(context: Context, found: Set[UID]) -> int:
    """The places of these UIDs, some of which may be gone or not be there yet."""
    columns = context.selection.view.columns
    uids = columns.uids
    if len(found) < _FEW:
        there = [at for at in map(columns.place, found) if at is not None]
        return places.of_places(there, len(uids))
    octets = bytearray()
    for at in range(0, len(uids), places.AT_ONCE):
        octets += bytes(map(found.__contains__, uids[at : at + places.AT_ONCE]))
        await context.drain()
    return places.of_octets(octets)


def _query(key: SearchKey) -> TextQuery | None:
    """A key as a question to the index; None: it can't answer that."""
    if isinstance(key, Text):
        where: Where | None = _SCOPES[key.scope]
    elif isinstance(key, Header):
        where = _IN_INDEX.get(key.name)
    else:
        where = None
    needle = casemap(key.wanted) if isinstance(key, Text | Header) else ""
    # the empty text asks whether there is a field, which no index of words knows
    return TextQuery(where, needle) if where is not None and needle else None


# ---- header fields


class _Seen:
    """Header fields of one message, read as far as somebody asks.

    Args:
        fields: their octets.
        sort_keys: the fact, or empty.
        thread: likewise.
    """

    def __init__(self, fields: bytes, sort_keys: bytes, thread: bytes) -> None:
        self._header: Final = parse_header(fields)
        self._thread: Final = thread
        self._texts: dict[bytes, list[str]] = {}
        self.sent: Final = _sent(sort_keys) if sort_keys else None

    def in_thread(self, thread: bytes) -> bool:
        """It has this THREADID."""
        return self._thread == b"(%b)" % thread

    def has(self, name: bytes, needle: str) -> bool:
        """A field of this name has the text."""
        texts = self._texts.get(name)
        if texts is None:
            texts = self._texts[name] = field_texts(self._header, name)
        return any(needle in text for text in texts)


_Check = Callable[[_Seen], bool]


def _header_check(key: SearchKey) -> _Check | None:
    """How to answer a key from header fields; None: they do not tell."""
    if isinstance(key, Header):
        name, needle = key.name, casemap(key.wanted)
        return lambda seen: seen.has(name, needle)
    if isinstance(key, Dated):
        holds = day_check(key)
        return lambda seen: seen.sent is not None and holds(seen.sent)
    if isinstance(key, HasObjectId):
        thread = key.id
        return lambda seen: seen.in_thread(thread)
    return None


async def look_at_headers(context: Context, program: Program, undecided: int) -> None:
    """HEADER, SUBJECT, SENTON and the like, from cached facts."""
    checks: dict[int, _Check] = {}
    for atom, key in enumerate(program.atoms):
        check = None if program.is_known(atom) else _header_check(key)
        if check is not None:
            checks[atom] = check
    if not checks or not undecided:
        return
    asked = [program.atoms[atom] for atom in checks]
    kinds = _kinds(asked)
    # where only words are looked for, most messages have none of them
    words = [casemap(key.wanted) for key in asked if isinstance(key, Header)]
    sieve = Sieve(words if len(words) == len(asked) else [""])
    found: dict[int, list[int]] = {atom: [] for atom in checks}
    async for place, values in facts(context, undecided, kinds):
        if not sieve.passes_fields(values[0]):
            continue
        known = dict(zip(kinds, values, strict=True))
        seen = _Seen(
            values[0] if words else b"",
            known.get(Item.SORT_KEYS, b""),
            known.get(Item.THREAD_ID, b""),
        )
        for atom, check in checks.items():
            if check(seen):
                found[atom].append(place)
    _note(context, program, found, undecided)


def _kinds(asked: Sequence[SearchKey]) -> tuple[Kind, ...]:
    """The facts that tell of these keys, header fields first."""
    kinds: list[Kind] = []
    names = tuple(key.name for key in asked if isinstance(key, Header))
    if names:
        kinds.append(HeaderFields(names))
    if any(isinstance(key, Dated) for key in asked):
        kinds.append(Item.SORT_KEYS)
    if any(isinstance(key, HasObjectId) for key in asked):
        kinds.append(Item.THREAD_ID)
    return tuple(kinds)


def _sent(octets: bytes) -> int | None:
    """RFC 9051, section 6.4.4: the Date field, disregarding time and zone."""
    keys = SortKeys.decode(octets)
    return None if keys.sent is None else keys.sent + keys.offset_minutes * 60


async def facts(
    context: Context, wanted: int, kinds: Sequence[Kind]
) -> AsyncIterator[tuple[int, Sequence[bytes]]]:
    """Places and facts of the messages of a set; those that are gone are left out."""
    columns = context.selection.view.columns
    mailbox = context.selection.mailbox
    for some in places.slices(wanted, len(columns)):
        uids = [UID(columns.uids[place]) for place in some]
        if not uids:
            continue
        async for batch in mailbox.facts(uids, kinds):
            for count, (uid, values) in enumerate(batch):
                place = columns.place(uid)
                if place is not None:
                    yield place, values
                if count % _MESSAGES_AT_ONCE == 0:
                    await context.drain()


# ---- all text


async def look_at_texts(context: Context, program: Program, undecided: int) -> None:
    """TEXT and BODY, by reading the messages."""
    wanted = [
        Wanted(atom, casemap(key.wanted), headers=key.scope is Scope.TEXT)
        for atom, key in enumerate(program.atoms)
        if isinstance(key, Text) and not program.is_known(atom)
    ]
    if not wanted or not undecided:
        return
    found: dict[int, list[int]] = {each.atom: [] for each in wanted}
    async for place, atoms in scan(context, wanted, undecided):
        for atom in atoms:
            found[atom].append(place)
    _note(context, program, found, undecided)


def _note(
    context: Context, program: Program, found: dict[int, list[int]], looked: int
) -> None:
    count = len(context.selection.view.columns)
    for atom, matching in found.items():
        program.know(atom, places.of_places(matching, count), looked)

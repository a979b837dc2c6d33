"""The header section: octets to fields with exact offsets, whatever the octets are.

Nothing here fails: what breaks RFC 5322, section 2.2, is kept where it stands and
flagged. Fields are a list, never a mapping of objects, so that no field name means
anything to Python (threat 84).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Flag, auto
from functools import lru_cache
from typing import Final, NamedTuple

from mailapp.message.line_ends import paired
from mailapp.message.plain_header import KNOWN, LISTS

FIELD_LIMIT: Final = 64 * 1024
"""Octets of one value that are looked at."""
HEADER_LIMIT: Final = 1024 * 1024
"""Octets of a header section whose fields are listed."""
COUNT_LIMIT: Final = 10_000
"""Fields that are listed."""

# RFC 5322, section 3.6.8: ftext is 33-57 and 59-126
FTEXT: Final = frozenset(range(33, 127)) - {ord(":")}
_FTEXT_TABLE: Final = bytes(sorted(FTEXT))
_FIRST: Final = 14  # above CR and LF
# A line end that no white space follows. One octet of look-ahead: linear.
_FIELD_END: Final = re.compile(rb"\n(?![ \t])")
# A field as it should be, with its line end, which no white space follows. The repeats
# within lines are possessive, and a fold parts at its first octets: linear.
_FIELD: Final = re.compile(
    rb"([!-9;-~]++):([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*)\r\n(?![ \t])"
).match


class HeaderDefect(Flag):
    """What is wrong with a header section; nothing of it stops the reading."""

    NONE = 0
    NOT_A_FIELD = auto()  # a line without a colon, or with a bad name
    SPACE_BEFORE_COLON = auto()  # RFC 5322, section 4.5.8
    BARE_LINE_END = auto()  # LF without CR, CR without LF
    NUL = auto()
    FIELD_TOO_LONG = auto()
    HEADER_TOO_LONG = auto()
    TOO_MANY_FIELDS = auto()
    NO_END = auto()  # the octets end before the empty line


_SOUND: Final = HeaderDefect.NONE


class Field(NamedTuple):
    """One field, or one line that is none.

    Attributes:
        name: as it stands, without white space before the colon; empty for a line that
            is no field.
        value: what follows the colon, folds included, without the last line end; at
            most ``FIELD_LIMIT`` octets of it.
        start: offset of the name.
        end: offset behind the last line end.
    """

    name: bytes
    value: bytes
    start: int
    end: int

    def is_named(self, name: bytes) -> bool:
        """Compare names, blind to case (RFC 5322, section 1.2.2)."""
        return self.name.lower() == name.lower()

    @property
    def unfolded(self) -> bytes:
        """The value in one line, without white space around it."""
        return unfold(self.value)


class Header:
    """A header section.

    Attributes:
        body_start: offset behind the empty line, or behind the octets without one.
    """

    __slots__ = ("_defects", "_fields", "_known", "_octets", "body_start")

    def __init__(
        self,
        fields: tuple[Field, ...],
        body_start: int,
        defects: HeaderDefect = HeaderDefect.NONE,
    ) -> None:
        self._fields: tuple[Field, ...] | None = fields
        self._defects = defects
        self._known: Mapping[bytes, bytes] | None = None
        self._octets = b""
        self.body_start: Final = body_start

    @classmethod
    def plain(cls, octets: bytes, known: Mapping[bytes, bytes]) -> Header:
        """A section with its empty line; its fields are listed when somebody asks.

        Args:
            octets: of the section.
            known: what :func:`mailapp.message.plain_header.plain_header` says of it.
        """
        header = cls((), len(octets))
        header._octets, header._fields, header._known = octets, None, known
        return header

    @property
    def is_listed(self) -> bool:
        """Its fields were listed, so that ``known`` is not all there is yet."""
        return self._fields is not None

    @property
    def fields(self) -> tuple[Field, ...]:
        """In their order.

        They touch: each ends where the next one starts, and the last one, if no limit
        was met, where the empty line starts.
        """
        if self._fields is None:
            return self._listed()
        return self._fields

    @property
    def defects(self) -> HeaderDefect:
        """What was wrong."""
        if self._fields is None:
            self._listed()
        return self._defects

    def _listed(self) -> tuple[Field, ...]:
        whole = parse_header(self._octets)
        self._defects = whole.defects
        self._fields = whole.fields  # the octets stay: two threads may do this at once
        return whole.fields

    @property
    def known(self) -> Mapping[bytes, bytes]:
        """Name to unfolded value, as ``values``, of what MIME and ENVELOPE need."""
        if self._known is None:
            self._known = self.values(KNOWN)
        return self._known

    def all(self, name: bytes) -> list[Field]:
        """Every field of this name, in order."""
        wanted = name.lower()
        return [field for field in self.fields if field.name.lower() == wanted]

    def first(self, name: bytes) -> Field | None:
        """The first field of this name (threat 87: the first one wins)."""
        wanted = name.lower()
        for field in self.fields:
            if field.name.lower() == wanted:
                return field
        return None

    def value(self, name: bytes) -> bytes | None:
        """The unfolded value of the first field of this name."""
        field = self.first(name)
        return None if field is None else field.unfolded

    def values(self, names: frozenset[bytes]) -> dict[bytes, bytes]:
        """Name to unfolded value, for names in lower case that are there.

        The first one of several wins, but To, Cc and Bcc are then one list
        (RFC 5322, section 4.5.3), of which at most ``FIELD_LIMIT`` octets are taken.
        """
        found: dict[bytes, bytes] = {}
        for field in self.fields:
            name = field.name.lower()
            if name not in names:
                continue
            if name not in found:
                found[name] = unfold(field.value)
            elif name in LISTS and len(found[name]) < FIELD_LIMIT:
                both = found[name] + b"," + unfold(field.value)
                found[name] = both[:FIELD_LIMIT]
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Header):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def __repr__(self) -> str:
        return "Header({!r}, {!r}, {!r})".format(*self._compared())

    def _compared(self) -> tuple[tuple[Field, ...], int, HeaderDefect]:
        return self.fields, self.body_start, self.defects


def unfold(value: bytes) -> bytes:
    """One line from a folded value (RFC 5322, section 2.2.3).

    A CR or NUL that stands alone becomes a space, so that the outcome has neither.
    """
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    if b"\r" in value or b"\0" in value:
        value = value.replace(b"\r", b" ").replace(b"\0", b" ")
    return value.strip(b" \t")


def parse_header(octets: bytes, start: int = 0) -> Header:
    """Read a header section that begins at ``start``.

    A line that is no field is kept as a nameless one and the header goes on to the
    first empty line (RFC 7103, section 7.2: the first way, which no filter in front
    of us sees differently). Linear in the octets; never raises.
    """
    fields: list[Field] = []
    defects = HeaderDefect.NONE
    position, size = start, len(octets)
    while position < size:
        # an empty line begins with CR or LF, and few fields do
        blank = _blank_line(octets, position) if octets[position] < _FIRST else 0
        if blank:
            return _finished(octets, start, Header(tuple(fields), blank, defects))
        sound = _FIELD(octets, position)
        end = _field_end(octets, position) if sound is None else sound.end()
        if end - start > HEADER_LIMIT or len(fields) >= COUNT_LIMIT:
            defects |= (
                HeaderDefect.HEADER_TOO_LONG
                if end - start > HEADER_LIMIT
                else HeaderDefect.TOO_MANY_FIELDS
            )
            body_start = find_body(octets, position)
            if body_start is None:
                break
            return _finished(octets, start, Header(tuple(fields), body_start, defects))
        if sound is not None and end - position < FIELD_LIMIT:
            fields.append(Field(sound[1], sound[2], position, end))
        else:
            field, flaws = _field(octets, position, end)
            fields.append(field)
            defects |= flaws
        position = end
    return _finished(
        octets, start, Header(tuple(fields), size, defects | HeaderDefect.NO_END)
    )


def _finished(octets: bytes, start: int, header: Header) -> Header:
    """Add the defects that are quickest to see in the whole section."""
    end = min(header.body_start, start + HEADER_LIMIT)
    section = octets[start:end] if start or end < len(octets) else octets
    defects = header.defects
    if not paired(section):
        defects |= HeaderDefect.BARE_LINE_END
    if b"\0" in section:
        defects |= HeaderDefect.NUL
    if defects is header.defects:
        return header
    return Header(header.fields, header.body_start, defects)


def _blank_line(octets: bytes, position: int) -> int:
    """Offset behind an empty line that stands here, or 0."""
    if octets.startswith(b"\n", position):
        return position + 1
    if octets.startswith(b"\r\n", position):
        return position + 2
    return 0


def _field_end(octets: bytes, start: int) -> int:
    """Offset behind a line end that no white space follows."""
    found = _FIELD_END.search(octets, start)
    return len(octets) if found is None else found.end()


def _field(octets: bytes, start: int, end: int) -> tuple[Field, HeaderDefect]:
    """One field from ``start`` to ``end``, its line end included."""
    stop = end
    if octets.endswith(b"\n", start, stop):
        stop -= 1
    if octets.endswith(b"\r", start, stop):
        stop -= 1
    line_end = octets.find(b"\n", start, stop)
    colon = octets.find(b":", start, stop if line_end < 0 else line_end)
    raw_name = octets[start:colon] if colon >= 0 else b""
    name = raw_name.rstrip(b" \t")
    defects = _SOUND
    if not name or name.translate(None, _FTEXT_TABLE):
        name, value_start = b"", start
        defects |= HeaderDefect.NOT_A_FIELD
    else:
        value_start = colon + 1
        if name != raw_name:
            defects |= HeaderDefect.SPACE_BEFORE_COLON
    if stop - value_start > FIELD_LIMIT:
        defects |= HeaderDefect.FIELD_TOO_LONG
        stop = value_start + FIELD_LIMIT
    return Field(name, octets[value_start:stop], start, end), defects


def find_body(octets: bytes, start: int = 0) -> int | None:
    """Offset behind the first empty line from the line start ``start``, or None."""
    blank = _blank_line(octets, start)
    if blank:
        return blank
    lf = octets.find(b"\n\n", start)
    crlf = octets.find(b"\n\r\n", start, len(octets) if lf < 0 else lf + 2)
    if crlf >= 0:
        return crlf + 3
    return None if lf < 0 else lf + 2


class HeaderScanner:
    """Finds where the header of a streamed message ends, and keeps the header.

    Attributes:
        limit: octets that are kept at most.
        header: the header section with its empty line, as far as it has come.
        body_start: offset of the body in the stream; None: not seen yet.
    """

    __slots__ = ("_length", "_tail", "body_start", "header", "limit")

    def __init__(self, limit: int = HEADER_LIMIT) -> None:
        self.limit = limit
        self.header = bytearray()
        self.body_start: int | None = None
        self._length = 0
        self._tail = b"\n"  # the line before the first one, so to say

    @property
    def overflowing(self) -> bool:
        """The header section is longer than ``limit``."""
        return self._length > self.limit

    @property
    def complete(self) -> bool:
        """The empty line was seen."""
        return self.body_start is not None

    def feed(self, octets: bytes) -> None:
        """Take the next octets of the message; cheap once the end was found."""
        if self.body_start is not None or not octets:
            return
        window = self._tail + octets
        end = _blank_after_lf(window)
        if end is None:
            self._keep(octets)
            self._tail = window[-2:]
            return
        self._keep(octets[: end - len(self._tail)])
        self.body_start = self._length

    def _keep(self, octets: bytes) -> None:
        room = self.limit - len(self.header)
        self._length += len(octets)
        self.header += octets[:room] if len(octets) > room else octets


def _blank_after_lf(window: bytes) -> int | None:
    """Offset behind LF and an empty line, or None."""
    lf = window.find(b"\n\n")
    crlf = window.find(b"\n\r\n", 0, len(window) if lf < 0 else lf + 2)
    if crlf >= 0:
        return crlf + 3
    return None if lf < 0 else lf + 2


def named(octets: bytes, name: bytes) -> Iterator[int]:
    """Offsets behind the colon of each field of this name, without a full parse.

    For counting in large headers: as fast as a search for the name. Stops at the
    empty line.
    """
    if name.lower() not in octets.lower():  # for most names most headers end here
        return iter(())
    body = find_body(octets)
    text = b"\n" + octets
    end = len(text) if body is None else body + 1
    return (found.end() - 1 for found in _fields_of(name).finditer(text, 0, end))


@lru_cache(maxsize=32)
def _fields_of(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\n%b[ \t]*:" % re.escape(name), re.IGNORECASE)

"""What SEARCH, SORT and THREAD may ask for."""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from mailapp.imap.grammar.values.sets import Messages


class All(Enum):
    """Every message."""

    ALL = "ALL"


@frozen
class HasFlag:
    r"""A flag is set (SEEN, KEYWORD …) or not (UNSEEN, UNKEYWORD …).

    Attributes:
        name: ``\Seen`` or a keyword, as in :class:`mailapp.storage.types.Row`.
    """

    name: str
    present: bool


@frozen
class Numbered:
    """Messages by sequence number, or by UID."""

    messages: Messages
    by_uid: bool


class Scope(Enum):
    """Where a text is looked for."""

    BODY = "BODY"
    TEXT = "TEXT"  # header and body


@frozen
class Text:
    """BODY and TEXT; ``wanted`` is decoded from the charset of the command."""

    scope: Scope
    wanted: str


@frozen
class Header:
    """BCC CC FROM SUBJECT TO HEADER: a field of this name holds the text.

    Attributes:
        name: lower case.
        wanted: empty: there is such a field.
    """

    name: bytes
    wanted: str


class DateField(Enum):
    """Which date of a message."""

    INTERNAL = "INTERNALDATE"
    SENT = "Date"  # the field, without its time and zone
    SAVED = "SAVEDATE"  # RFC 8514, section 4.3


class Relation(Enum):
    """BEFORE, ON, SINCE and their like."""

    BEFORE = "before"
    ON = "on"
    SINCE = "since"


@frozen
class Dated:
    """A date compares so with a day.

    Attributes:
        day: days since 1970-01-01.
    """

    field: DateField
    relation: Relation
    day: int


class SaveDateSupported(Enum):
    """RFC 8514, section 4.3."""

    SAVEDATESUPPORTED = "SAVEDATESUPPORTED"


@frozen
class Size:
    """LARGER and SMALLER, in octets; neither holds when it is equal."""

    octets: int
    larger: bool


@frozen
class ModSeqFrom:
    """MODSEQ: equal or greater (RFC 7162, section 3.1.5); it has one per message."""

    modseq: int


class ObjectKind(Enum):
    """Which id (RFC 8474, section 6)."""

    EMAILID = "EMAILID"
    THREADID = "THREADID"


@frozen
class HasObjectId:
    """EMAILID and THREADID."""

    kind: ObjectKind
    id: bytes


@frozen
class And:
    """All of them: a list in parentheses, and the keys of the command."""

    keys: tuple[SearchKey, ...]


@frozen
class Or:
    """One of two."""

    left: SearchKey
    right: SearchKey


@frozen
class Not:
    """All but these."""

    key: SearchKey


SearchKey = (
    All
    | HasFlag
    | Numbered
    | Text
    | Header
    | Dated
    | SaveDateSupported
    | Size
    | ModSeqFrom
    | HasObjectId
    | And
    | Or
    | Not
)
"""At most 64 levels deep (threat 60), so that it may be walked by recursion."""


class SearchReturn(Enum):
    """RFC 9051, section 6.4.4."""

    MIN = "MIN"
    MAX = "MAX"
    ALL = "ALL"
    COUNT = "COUNT"
    SAVE = "SAVE"


class SortField(Enum):
    """RFC 5256, section 3; RFC 5957, section 3."""

    ARRIVAL = "ARRIVAL"
    CC = "CC"
    DATE = "DATE"
    FROM = "FROM"
    SIZE = "SIZE"
    SUBJECT = "SUBJECT"
    TO = "TO"
    DISPLAYFROM = "DISPLAYFROM"
    DISPLAYTO = "DISPLAYTO"


@frozen
class SortCriterion:
    """One of them, upwards or REVERSE."""

    field: SortField
    reverse: bool


class ThreadAlgorithm(Enum):
    """RFC 5256, section 3."""

    ORDEREDSUBJECT = "ORDEREDSUBJECT"
    REFERENCES = "REFERENCES"

"""SEARCH, SORT and THREAD (RFC 9051, section 6.4.4; RFC 5256, section 3).

Keys are read with a stack of our own, so that no nesting is too deep for Python; what
is nested more than :data:`DEPTH_MOST` levels is refused (threat 60).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final, TypeVar

from attrs import define, field, frozen

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar import flags, sequence_set
from mailapp.imap.grammar.dates import date
from mailapp.imap.grammar.reader import Reader
from mailapp.imap.grammar.values.commands import Search, Sort, Thread
from mailapp.imap.grammar.values.search import (
    All,
    And,
    Dated,
    DateField,
    HasFlag,
    HasObjectId,
    Header,
    ModSeqFrom,
    Not,
    Numbered,
    ObjectKind,
    Or,
    Relation,
    SaveDateSupported,
    Scope,
    SearchKey,
    SearchReturn,
    Size,
    SortCriterion,
    SortField,
    Text,
    ThreadAlgorithm,
)
from mailapp.message.charsets import codec_of

DEPTH_MOST: Final = 64
KEYS_MOST: Final = 1000
"""Keys of one command."""
_CRITERIA_MOST: Final = 20
_E = TypeVar("_E", bound=Enum)


class BadCharset(SyntaxProblem):
    """Answered NO [BADCHARSET (…)]: not known, or the strings are not in it.

    Attributes:
        saves: the result should have been saved.
    """

    def __init__(self, *, saves: bool = False) -> None:
        super().__init__("no such charset, or a string is not in it")
        self.saves: Final = saves


def search(reader: Reader, *, by_uid: bool) -> Search:
    """``search``, behind its name."""
    reader.space()
    returns = _returns(reader)
    try:
        charset, key = _charset_and_key(reader)
    except BadCharset:
        saves = returns is not None and SearchReturn.SAVE in returns
        raise BadCharset(saves=saves) from None
    return Search(key, returns, by_uid, charset)


def _charset_and_key(reader: Reader) -> tuple[str | None, SearchKey]:
    charset: str | None = None
    if reader.skip_word(b"CHARSET "):
        if reader.utf8 and not _may_name_charset(reader):
            # RFC 9755, section 3
            reason = "no other charset than UTF-8 after ENABLE"
            raise SyntaxProblem(reason)
        charset = _charset(reader)
        reader.space()
    return charset, _program(reader, charset)


def sort(reader: Reader, *, by_uid: bool) -> Sort:
    """``sort``, behind its name."""
    reader.space()
    returns = _returns(reader)
    criteria = tuple(reader.listed(lambda: _criterion(reader), _CRITERIA_MOST))
    if not criteria:
        reason = "SORT by nothing"
        raise SyntaxProblem(reason)
    reader.space()
    charset = _charset(reader)
    reader.space()
    return Sort(criteria, _program(reader, charset), returns, by_uid, charset)


def thread(reader: Reader, *, by_uid: bool) -> Thread:
    """``thread``, behind its name."""
    reader.space()
    algorithm = _one_of(ThreadAlgorithm, reader.word(), "no such algorithm")
    reader.space()
    charset = _charset(reader)
    reader.space()
    return Thread(algorithm, _program(reader, charset), by_uid, charset)


def _one_of(kind: type[_E], name: bytes, reason: str) -> _E:
    for member in kind:
        if member.value.encode() == name:
            return member
    raise SyntaxProblem(reason)


def _returns(reader: Reader) -> frozenset[SearchReturn] | None:
    """``search-return-opts``, with the space behind it."""
    if not reader.skip_word(b"RETURN "):
        return None
    found = frozenset(
        reader.listed(
            lambda: _one_of(SearchReturn, reader.word(), "no such RETURN option"),
            len(SearchReturn),
        )
    )
    reader.space()
    # RFC 9051, section 6.4.4: an empty list is ALL
    return found or frozenset({SearchReturn.ALL})


def _criterion(reader: Reader) -> SortCriterion:
    """RFC 5256, section 5: ``sort-criterion``."""
    reverse = reader.skip_word(b"REVERSE ")
    found = _one_of(SortField, reader.word(), "no such SORT criterion")
    return SortCriterion(found, reverse)


def _charset(reader: Reader) -> str:
    return reader.astring().decode("ascii", "replace").upper()


def _may_name_charset(reader: Reader) -> bool:
    """UTF-8 is what IMAP4rev2 clients may still say (RFC 9051, section 6.4.4)."""
    start = reader.position
    name = reader.astring().upper()
    reader.position = start
    return name == b"UTF-8"


# ---- keys


class _Sort(Enum):
    """What is open."""

    PROGRAM = auto()
    LIST = auto()
    NOT = auto()
    OR = auto()


@define
class _Open:
    """A key that others belong to, and those that are there already."""

    sort: _Sort
    keys: list[SearchKey] = field(factory=list)


_PREFIXES: Final = {b"NOT": _Sort.NOT, b"OR": _Sort.OR}


@frozen
class _Keys:
    """Reads single keys; all strings are in one charset."""

    reader: Reader
    codec: str

    def text(self) -> str:
        """An ``astring`` that is looked for."""
        octets = self.reader.astring()
        try:
            return octets.decode(self.codec)
        except UnicodeDecodeError:
            raise BadCharset from None


def _program(reader: Reader, charset: str | None) -> SearchKey:
    """Keys up to the end; all of them must hold."""
    # without CHARSET: what is no ASCII can only be meant as UTF-8
    codec = codec_of(charset or "UTF-8")
    if codec is None:
        raise BadCharset
    keys = _Keys(reader, codec)
    stack = [_Open(_Sort.PROGRAM)]
    for _ in range(KEYS_MOST):
        if reader.skip(b"("):
            stack.append(_Open(_Sort.LIST))
        else:
            word = _key_word(reader)
            if word in _PREFIXES:
                reader.space()
                stack.append(_Open(_PREFIXES[word]))
            else:
                done = _close(reader, stack, _single(keys, word))
                if done is not None:
                    return done
        if len(stack) > DEPTH_MOST:
            reason = "search keys are nested too deep"
            raise SyntaxProblem(reason)
    reason = "too many search keys"
    raise SyntaxProblem(reason)


def _close(reader: Reader, stack: list[_Open], key: SearchKey) -> SearchKey | None:
    """Put a key where it belongs, and close what is complete with it.

    Returns:
        the whole program at its end; else None, and the next key comes.
    """
    while True:
        top = stack[-1]
        top.keys.append(key)
        if top.sort is _Sort.NOT:
            key = Not(key)
        elif top.sort is _Sort.OR and len(top.keys) > 1:
            key = Or(*top.keys)
        elif (top.sort is _Sort.LIST and reader.skip(b")")) or (
            top.sort is _Sort.PROGRAM and reader.at_end
        ):
            key = top.keys[0] if len(top.keys) == 1 else And(tuple(top.keys))
        else:
            reader.space()
            return None
        stack.pop()
        if not stack:
            return key


def _key_word(reader: Reader) -> bytes:
    """The name of a key; empty before a set of messages."""
    return b"" if reader.peek() in sequence_set.STARTS else reader.word()


def _single(keys: _Keys, word: bytes) -> SearchKey:
    if not word:
        return Numbered(sequence_set.messages(keys.reader), by_uid=False)
    if word in _PLAIN:
        return _PLAIN[word]
    read = _WITH_ARGUMENT.get(word)
    if read is None:
        reason = "no such search key"
        raise SyntaxProblem(reason)
    keys.reader.space()
    return read(keys)


def _header(keys: _Keys) -> SearchKey:
    name = keys.reader.astring().lower()
    keys.reader.space()
    return Header(name, keys.text())


def _mod_seq(keys: _Keys) -> SearchKey:
    """RFC 7162, section 3.1.5: a flag may be named; all share one number here."""
    reader = keys.reader
    if reader.peek() == ord('"'):
        reader.string()
        reader.space()
        if reader.word() not in {b"PRIV", b"SHARED", b"ALL"}:
            reason = "no such type of entry"
            raise SyntaxProblem(reason)
        reader.space()
    return ModSeqFrom(reader.number())


def _field(name: bytes) -> Callable[[_Keys], SearchKey]:
    return lambda keys: Header(name, keys.text())


def _text(scope: Scope) -> Callable[[_Keys], SearchKey]:
    return lambda keys: Text(scope, keys.text())


def _keyword(*, present: bool) -> Callable[[_Keys], SearchKey]:
    return lambda keys: HasFlag(flags.keyword(keys.reader), present)


def _size(*, larger: bool) -> Callable[[_Keys], SearchKey]:
    return lambda keys: Size(keys.reader.number(), larger)


def _dated(which: DateField, relation: Relation) -> Callable[[_Keys], SearchKey]:
    return lambda keys: Dated(which, relation, date(keys.reader))


def _object_id(kind: ObjectKind) -> Callable[[_Keys], SearchKey]:
    return lambda keys: HasObjectId(kind, keys.reader.astring())


_RECENT: Final = r"\Recent"  # no message of ours ever is
_PLAIN: Final[Mapping[bytes, SearchKey]] = {
    b"ALL": All.ALL,
    **{name[1:].upper().encode(): HasFlag(name, present=True) for name in flags.SYSTEM},
    **{
        b"UN" + name[1:].upper().encode(): HasFlag(name, present=False)
        for name in flags.SYSTEM
    },
    b"SAVEDATESUPPORTED": SaveDateSupported.SAVEDATESUPPORTED,
    # RFC 3501, section 6.4.4
    b"RECENT": HasFlag(_RECENT, present=True),
    b"OLD": HasFlag(_RECENT, present=False),
    b"NEW": And((HasFlag(_RECENT, present=True), HasFlag(r"\Seen", present=False))),
}
_WITH_ARGUMENT: Final[Mapping[bytes, Callable[[_Keys], SearchKey]]] = {
    **{name: _field(name.lower()) for name in (b"BCC", b"CC", b"FROM", b"TO")},
    b"SUBJECT": _field(b"subject"),
    b"HEADER": _header,
    b"BODY": _text(Scope.BODY),
    b"TEXT": _text(Scope.TEXT),
    b"KEYWORD": _keyword(present=True),
    b"UNKEYWORD": _keyword(present=False),
    b"LARGER": _size(larger=True),
    b"SMALLER": _size(larger=False),
    b"UID": lambda keys: Numbered(sequence_set.messages(keys.reader), by_uid=True),
    b"MODSEQ": _mod_seq,
    b"EMAILID": _object_id(ObjectKind.EMAILID),
    b"THREADID": _object_id(ObjectKind.THREADID),
    **{
        prefix + relation.name.encode(): _dated(which, relation)
        for prefix, which in (
            (b"", DateField.INTERNAL),
            (b"SENT", DateField.SENT),
            (b"SAVED", DateField.SAVED),
        )
        for relation in Relation
    },
}

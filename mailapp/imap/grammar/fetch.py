"""FETCH (RFC 9051, section 6.4.5) and its extensions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from mailapp.core.failures import SyntaxProblem
from mailapp.imap.grammar.reader import Reader
from mailapp.imap.grammar.sequence_set import messages
from mailapp.imap.grammar.values.commands import Fetch
from mailapp.imap.grammar.values.fetch import (
    Attribute,
    Binary,
    BinarySize,
    BodySection,
    FetchItem,
    Partial,
    Preview,
)
from mailapp.message.quoting import astring
from mailapp.message.section import Section, SectionText

ITEMS_MOST: Final = 100
"""Items of one FETCH (threat 61)."""
NAMES_MOST: Final = 200
"""Header fields in one list."""
DEPTH_MOST: Final = 64
"""Numbers of one part."""

_FAST: Final = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.RFC822_SIZE)
_ALL: Final = (*_FAST, Attribute.ENVELOPE)
_MACROS: Final[Mapping[bytes, tuple[FetchItem, ...]]] = {
    b"FAST": _FAST,
    b"ALL": _ALL,
    b"FULL": (*_ALL, Attribute.BODY),
}
_ATTRIBUTES: Final = {attribute.value: attribute for attribute in Attribute}
_TEXTS: Final = {text.value: text for text in SectionText}
# RFC 3501, section 6.4.5
_LEGACY: Final[Mapping[bytes, BodySection]] = {
    b"RFC822": BodySection(Section(), peek=False, partial=None, label=b"RFC822"),
    b"RFC822.HEADER": BodySection(
        Section(text=SectionText.HEADER),
        peek=True,
        partial=None,
        label=b"RFC822.HEADER",
    ),
    b"RFC822.TEXT": BodySection(
        Section(text=SectionText.TEXT), peek=False, partial=None, label=b"RFC822.TEXT"
    ),
}


def fetch(reader: Reader, *, by_uid: bool) -> Fetch:
    """``fetch``, behind its name."""
    reader.space()
    wanted = messages(reader)
    reader.space()
    items = tuple(dict.fromkeys(_items(reader)))
    if not items:
        reason = "FETCH of nothing"
        raise SyntaxProblem(reason)
    changed_since: int | None = None
    vanished = False
    if reader.skip(b" "):
        for name, value in reader.listed(lambda: _modifier(reader), 2):
            if name == b"VANISHED":
                vanished = True
            else:
                changed_since = value
    if vanished and (not by_uid or changed_since is None):
        # RFC 7162, section 3.2.6
        reason = "VANISHED needs UID FETCH and CHANGEDSINCE"
        raise SyntaxProblem(reason)
    return Fetch(wanted, items, by_uid, changed_since, vanished)


def _items(reader: Reader) -> tuple[FetchItem, ...]:
    if reader.peek() == ord("("):
        return tuple(reader.listed(lambda: _item(reader), ITEMS_MOST))
    start = reader.position
    word = reader.word()
    if word in _MACROS:
        return _MACROS[word]
    reader.position = start
    return (_item(reader),)


def _item(reader: Reader) -> FetchItem:
    """``fetch-att``."""
    word = reader.word()
    if reader.peek() == ord("[") and word in _SECTIONED:
        return _SECTIONED[word](reader, word)
    if word in _ATTRIBUTES:
        return _ATTRIBUTES[word]
    if word in _LEGACY:
        return _LEGACY[word]
    if word == b"PREVIEW":
        return Preview(lazy=_lazy(reader))
    reason = "FETCH has no such item"
    raise SyntaxProblem(reason)


def _lazy(reader: Reader) -> bool:
    """RFC 8970, section 6: ``PREVIEW (LAZY)``."""
    if not reader.skip(b" ("):
        return False
    if reader.word() != b"LAZY":
        reason = "PREVIEW has no such modifier"
        raise SyntaxProblem(reason)
    reader.expect(b")", "a closing parenthesis is missing")
    return True


def _modifier(reader: Reader) -> tuple[bytes, int]:
    """RFC 7162, section 7: ``fetch-modifier``."""
    name = reader.word()
    if name == b"CHANGEDSINCE":
        reader.space()
        return name, reader.number()
    if name != b"VANISHED":
        reason = "FETCH has no such modifier"
        raise SyntaxProblem(reason)
    return name, 0


# ---- sections


def _body(reader: Reader, word: bytes) -> FetchItem:
    reader.skip(b"[")
    section = _section(reader)
    _close_section(reader)
    partial = _partial(reader)
    label = b"BODY[%b]%b" % (encode_section(section), _origin(partial))
    return BodySection(section, word == b"BODY.PEEK", partial, label)


def _binary(reader: Reader, word: bytes) -> FetchItem:
    part = _binary_part(reader)
    partial = _partial(reader)
    label = b"BINARY[%b]%b" % (_encode_part(part), _origin(partial))
    return Binary(part, word == b"BINARY.PEEK", partial, label)


def _binary_size(reader: Reader, _word: bytes) -> FetchItem:
    part = _binary_part(reader)
    return BinarySize(part, b"BINARY.SIZE[%b]" % _encode_part(part))


_SECTIONED: Final[Mapping[bytes, Callable[[Reader, bytes], FetchItem]]] = {
    b"BODY": _body,
    b"BODY.PEEK": _body,
    b"BINARY": _binary,
    b"BINARY.PEEK": _binary,
    b"BINARY.SIZE": _binary_size,
}


def encode_section(section: Section) -> bytes:
    """``section-spec``, as the response has it."""
    part, text = _encode_part(section.part), section.text
    if text is None:
        return part
    spec = part + b"." + text.value if part else text.value
    if not section.names:
        return spec
    return b"%b (%b)" % (spec, b" ".join(map(astring, section.names)))


def _encode_part(part: tuple[int, ...]) -> bytes:
    return b".".join(b"%d" % number for number in part)


def _section(reader: Reader) -> Section:
    """``section-spec``."""
    part, dotted = _part(reader)
    if reader.peek() == ord("]") and not dotted:
        return Section(part)
    text = _TEXTS.get(reader.word())
    if text is None or dotted != bool(part) or (text is SectionText.MIME and not part):
        reason = "a section is malformed"
        raise SyntaxProblem(reason)
    if text in {SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}:
        reader.space()
        names = tuple(reader.listed(reader.astring, NAMES_MOST))
        if not names:
            reason = "a list of header fields is empty"
            raise SyntaxProblem(reason)
        return Section(part, text, names)
    return Section(part, text)


def _part(reader: Reader) -> tuple[tuple[int, ...], bool]:
    """``section-part``, and whether a dot stands behind it, as before a text."""
    part: list[int] = []
    dotted = False
    while reader.peek() in _DIGITS:
        part.append(reader.nz_number())
        if len(part) > DEPTH_MOST:
            reason = "a part number is too deep"
            raise SyntaxProblem(reason)
        dotted = reader.skip(b".")
        if not dotted:
            break
    return tuple(part), dotted


def _binary_part(reader: Reader) -> tuple[int, ...]:
    reader.skip(b"[")
    part, dotted = _part(reader)
    if dotted:
        reason = "a section is malformed"
        raise SyntaxProblem(reason)
    _close_section(reader)
    return part


def _close_section(reader: Reader) -> None:
    reader.expect(b"]", "a section is malformed")


def _partial(reader: Reader) -> Partial | None:
    """``partial``: ``<start.length>``; the length is not 0."""
    if not reader.skip(b"<"):
        return None
    start = reader.number()
    reader.expect(b".", "a partial is malformed")
    length = reader.number(1)
    reader.expect(b">", "a partial is malformed")
    return Partial(start, length)


def _origin(partial: Partial | None) -> bytes:
    return b"" if partial is None else b"<%d>" % partial.start


_DIGITS: Final = frozenset(b"0123456789")

"""A message for a machine of 1985: one text, 7-bit, in lines of a screen.

Such a client knows header fields and text, and no MIME. It gets the fields a person
reads, in ASCII, the text of the best part, HTML as text, and a line for each thing that
can't be shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from mailapp.message.addresses import Group, Mailbox, parse_addresses
from mailapp.message.charsets import decode, decode_raw
from mailapp.message.content import Disposition, Encoding, parse_disposition
from mailapp.message.eai_fields import ascii_addr_spec
from mailapp.message.encodings import decode_leaf
from mailapp.message.fields import Header, unfold
from mailapp.message.html_text import TEXT_LIMIT, html_to_text
from mailapp.message.part import Part
from mailapp.message.structure import scan
from mailapp.message.transliteration import to_ascii
from mailapp.message.words import decode_text, encode_phrase
from mailapp.message.writing import fold

SMALLEST_LIMIT: Final = 1024
"""The least size limit that is kept."""
WIDTH: Final = 78
"""Characters of a line that is broken where it has white space."""
_HARD_WIDTH: Final = 900  # of a line that has none; RFC 937 allows 998
_VALUE_LIMIT: Final = 400
_NAME_LIMIT: Final = 80
_MAILBOX_LIMIT: Final = 20
_HEADER_LIMIT: Final = 8192
_LISTED: Final = 20  # things that can't be shown
_MARKER_OCTETS: Final = 100
# No escape sequence of a message reaches a terminal.
_CONTROLS: Final = dict.fromkeys((*range(9), *range(11, 32), 127))
_BLANKS: Final = dict.fromkeys((*range(32), 127), " ")
_ADDRESSES: Final = {b"From", b"To", b"Reply-To", b"Cc"}
# In the order of what is missed most if there is no room.
_FIELDS: Final = (
    b"From", b"Date", b"Subject", b"To", b"Message-ID", b"Reply-To", b"Cc",
    b"In-Reply-To",
)  # fmt: skip
_TYPE: Final = b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
_SHOWN: Final = {b"plain", b"html", b"markdown", b"enriched"}


@frozen
class _Found:
    """What a walk through the parts gave, in order."""

    texts: list[str] = field(factory=list)
    others: list[str] = field(factory=list)
    cut: list[bool] = field(
        factory=list
    )  # one for each text of which a rest is missing


def vintage(
    octets: bytes, *, size_limit: int, whole_octets: int | None = None
) -> bytes:
    """The message as one text/plain part of ASCII in short CRLF lines.

    The same octets give the same octets, so that a count of them stays true.

    Args:
        octets: any message.
        size_limit: octets of the outcome at most, but not less than
            ``SMALLEST_LIMIT``; what does not fit is cut with a note.
        whole_octets: of the message, if ``octets`` is only its beginning.
    """
    size_limit = max(size_limit, SMALLEST_LIMIT)
    root = scan(octets)
    header = _header(root.header, min(_HEADER_LIMIT, size_limit // 2)) + b"\r\n"
    reader = _Reader(octets, size_limit)
    reader.read(root)
    found = reader.found
    text = _lines("\n".join(found.texts))
    listed = found.others[:_LISTED]
    if len(found.others) > _LISTED:
        listed.append(f"[And {len(found.others) - _LISTED} more attachments]")
    tail = _lines("\n" * bool(text and listed) + "\n".join(listed))
    room = size_limit - len(header) - _MARKER_OCTETS
    if len(tail) > room // 2:
        tail = b""
    whole_octets = max(whole_octets or 0, len(octets))
    is_whole = whole_octets == len(octets) and not found.cut
    if len(text) + len(tail) <= room and is_whole:
        return header + text + tail
    text = text[: text.rfind(b"\n", 0, max(0, room - len(tail))) + 1]
    note = b"[The rest of this text was left out; the whole message has %d octets]\r\n"
    return header + text + note % whole_octets + tail


def _header(header: Header, room: int) -> bytes:
    """The fields that a person reads, as many as there is room for."""
    lines: list[bytes] = []
    room -= len(_TYPE)
    for name in _FIELDS:
        found = header.first(name)
        if found is None:
            continue
        value = unfold(found.value)
        if name in _ADDRESSES:
            text = _mailboxes(value)
        elif name == b"Subject":
            text = _one_line(decode_text(value))[:_VALUE_LIMIT]
        else:
            text = _one_line(decode_raw(value)) if value.isascii() else ""
        line = fold(name + b": " + text.encode()) + b"\r\n"
        # a Message-ID that is cut would be another one
        if text and len(line) <= room and _is_narrow(line):
            lines.append(line)
            room -= len(line)
    return b"".join([*lines, _TYPE])


def _is_narrow(field_octets: bytes) -> bool:
    return max(map(len, field_octets.split(b"\r\n"))) <= _HARD_WIDTH


def _one_line(text: str) -> str:
    """Text in ASCII, in one line, each run of white space one blank."""
    return " ".join(to_ascii(text).translate(_BLANKS).split())


def _mailboxes(value: bytes) -> str:
    """Addresses as old clients read them, groups taken apart."""
    entries = parse_addresses(value).entries
    texts: list[str] = []
    for entry in entries:
        for mailbox in entry.members if isinstance(entry, Group) else [entry]:
            if len(texts) < _MAILBOX_LIMIT:
                texts.append(_mailbox(mailbox))
    if not texts and entries:
        # an empty group, such as "undisclosed-recipients:;"
        return _name(" ".join(entry.display_name for entry in entries)) + ":;"
    return ", ".join(texts)


def _mailbox(mailbox: Mailbox) -> str:
    """One that can be answered, or that surely belongs to nobody.

    RFC 6858, section 2.1: an address that ASCII can't say.
    """
    octets = ascii_addr_spec(mailbox) if mailbox.domain else mailbox.local_part
    spec = "" if octets is None else octets.decode("ascii", "replace")
    sound = spec.isascii() and spec.isprintable() and len(spec) <= _VALUE_LIMIT
    if not spec or not sound:
        spec = "invalid@internationalized-address.invalid"
    name = _name(mailbox.display_name or "")
    return f"{name} <{spec}>" if name else spec


def _name(text: str) -> str:
    """A display-name: atoms or a quoted-string."""
    plain = _one_line(text).replace("=?", "= ?")[:_NAME_LIMIT].strip()
    return b" ".join(encode_phrase(plain)).decode() if plain else ""


def _lines(text: str) -> bytes:
    """Text in ASCII without controls, in CRLF lines that are not too long."""
    text = to_ascii(text.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.translate(_CONTROLS).rstrip()
    if not text:
        return b""
    lines: list[str] = []
    for line in text.split("\n"):
        if len(line) <= WIDTH:
            lines.append(line.rstrip())
        else:
            lines.extend(_wrapped(line.expandtabs()))
    return ("\r\n".join(lines) + "\r\n").encode()


def _wrapped(line: str) -> Iterator[str]:
    """A long line, broken at blanks where there are any."""
    position = 0
    while len(line) - position > WIDTH:
        cut = line.rfind(" ", position + 1, position + WIDTH + 1)
        if cut < 0 or not line[position:cut].strip():
            cut = line.find(" ", position + WIDTH, position + _HARD_WIDTH)
        if cut < 0:
            cut = min(len(line), position + _HARD_WIDTH)
        yield line[position:cut].rstrip()
        position = cut + line.startswith(" ", cut)
    if position < len(line):
        yield line[position:].rstrip()


class _Reader:
    """Walks through the parts of a message and takes what can be shown."""

    def __init__(self, octets: bytes, size_limit: int) -> None:
        self.found = _Found()
        self._octets = octets
        self._room = size_limit  # characters that are worth decoding
        self._read_limit = max(2 * TEXT_LIMIT, 4 * size_limit)

    def read(self, part: Part) -> None:
        """A part and what is below it (RFC 2046, section 5.1)."""
        content = part.content
        if content.is_multipart and part.parts:
            for child in self._worth_reading(part):
                self.read(child)
        elif content.type == b"text" and content.subtype in _SHOWN:
            disposition = _disposition(part)
            if disposition is not None and disposition.kind == b"attachment":
                self._list(part, disposition)
            else:
                self._show(part)
        else:
            self._list(part, _disposition(part))

    @staticmethod
    def _worth_reading(part: Part) -> list[Part]:
        """Section 5.1.4: of alternatives the plain text, else the last with text."""
        if part.content.subtype != b"alternative":
            return list(part.parts)
        best = max(reversed(part.parts), key=_plainness)
        return [best]

    def _show(self, part: Part) -> None:
        if self._room <= 0:
            self.found.cut.append(True)
            return
        end = min(part.end, part.body_start + self._read_limit)
        if end < part.end:
            self.found.cut.append(True)
        chunk = self._octets[part.body_start : end]
        octets = b"".join(decode_leaf([chunk], part.encoding))
        charset = part.content.parameter(b"charset") or b"us-ascii"
        if charset.lower() == b"us-ascii":
            text = decode_raw(octets)  # it says so, or says nothing, and may be UTF-8
        else:
            text = decode(octets, charset.decode("latin-1"))
        if part.content.subtype == b"html":
            if len(text) > TEXT_LIMIT:
                self.found.cut.append(True)
            text = html_to_text(text)
        if len(text) > self._room:
            # what is over it can't be in the outcome, though it may get shorter
            text = text[: self._room]
            self.found.cut.append(True)
        self._room -= len(text)
        if text.strip():
            self.found.texts.append(text.rstrip() + "\n")

    def _list(self, part: Part, disposition: Disposition | None) -> None:
        """A line for what can't be shown."""
        content = part.content
        if content.is_message and part.parts:
            subject = part.parts[0].header.value(b"subject") or b""
            title = _one_line(decode_text(subject))[:_NAME_LIMIT]
            self.found.others.append(f"[Attached message: {title or 'no subject'}]")
            return
        names = [
            (disposition.texts() if disposition is not None else {}).get(b"filename"),
            content.texts().get(b"name"),
        ]
        name = next(
            (_one_line(name)[:_NAME_LIMIT] for name in names if name), "no name"
        )
        media = _one_line(decode_raw(content.type + b"/" + content.subtype))
        size = _size(part)
        self.found.others.append(f"[Attachment: {name}, {media[:_NAME_LIMIT]}, {size}]")


def _plainness(part: Part) -> int:
    """How good an alternative is: plain text, HTML, what has parts, all others."""
    content = part.content
    if content.type == b"text" and content.subtype in _SHOWN:
        return 2 if content.subtype == b"html" else 3
    return 1 if content.is_multipart and part.parts else 0


def _disposition(part: Part) -> Disposition | None:
    value = part.header.value(b"content-disposition")
    return None if value is None else parse_disposition(value)


def _size(part: Part) -> str:
    """About how large it is when decoded."""
    octets = part.size_octets
    if part.encoding is Encoding.BASE64:
        octets = octets * 57 // 78  # a line of 76 and its CRLF
    kilo = 1024
    if octets < kilo:
        return f"{octets} octets"
    if octets < kilo * kilo:
        return f"{octets // kilo} KB"
    return f"{octets / kilo / kilo:.1f} MB"

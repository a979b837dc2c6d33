"""The text of one part: decoded, read in its charset, HTML as text.

A stream: what goes in and what is held are chunks, however large the part is. Only
HTML is collected before it is read, and of it only a beginning.
"""

from __future__ import annotations

import codecs
from typing import Final, Protocol

from mailapp.message.charsets import codec_of
from mailapp.message.encodings import decoder_for
from mailapp.message.html_text import TEXT_LIMIT, html_to_text
from mailapp.message.part import Part

_UTF8: Final = "utf-8"


def is_text(part: Part) -> bool:
    """It is a text/* leaf."""
    return part.content.type == b"text"


def is_searched(part: Part) -> bool:
    """It is a text/* leaf, or a report as in bounces.

    All leaves of message/* are lines of text (RFC 2046, section 5.2; RFC 3464,
    section 2.1).
    """
    return is_text(part) or (part.content.type == b"message" and not part.parts)


def is_html(part: Part) -> bool:
    """It is marked-up text."""
    return part.content.subtype in {b"html", b"xhtml+xml"}


def codec_for(part: Part) -> str:
    """The codec of a part's text.

    Text that says us-ascii or nothing, and is not, is nearly always UTF-8; of a charset
    that is not known only the ASCII can be read.
    """
    charset = part.content.parameter(b"charset") or b"us-ascii"
    codec = codec_of(charset.decode("latin-1"))
    return _UTF8 if charset.lower() == b"us-ascii" else codec or "us-ascii"


class _Utf16:
    """UTF-16 by its mark, or little-endian as ``bytes.decode`` has it.

    Python's own refuses a stream without a mark.
    """

    def __init__(self) -> None:
        self._start = b""
        self._decoder: codecs.IncrementalDecoder | None = None

    def decode(self, octets: bytes, final: bool = False) -> str:  # noqa: FBT001, FBT002 - as codecs have it
        """The next octets."""
        if self._decoder is None:
            self._start += octets
            if len(self._start) < 2 and not final:  # noqa: PLR2004 - a mark
                return ""
            big = self._start.startswith(codecs.BOM_UTF16_BE)
            name = "utf-16-be" if big else "utf-16-le"
            self._decoder = codecs.getincrementaldecoder(name)("replace")
            marked = big or self._start.startswith(codecs.BOM_UTF16_LE)
            octets = self._start[2 * marked :]
        return self._decoder.decode(octets, final)


class _CharsetDecoder(Protocol):
    def decode(self, octets: bytes, final: bool = ..., /) -> str: ...  # noqa: FBT001


def _charset_decoder(codec: str) -> _CharsetDecoder:
    if codec == "utf-16":
        return _Utf16()
    return codecs.getincrementaldecoder(codec)("replace")


class TextReader:
    """Takes the encoded octets of one text part, gives its text.

    Args:
        part: a text/* leaf.
        html_limit: characters of HTML that are looked at.
    """

    def __init__(self, part: Part, *, html_limit: int = TEXT_LIMIT) -> None:
        self._transfer = decoder_for(part.encoding)
        self._charset = _charset_decoder(codec_for(part))
        self._html: list[str] | None = [] if is_html(part) else None
        self._room = html_limit

    def feed(self, octets: bytes) -> str:
        """Take the next octets; gives what can be read of them already."""
        return self._take(self._charset.decode(self._transfer.feed(octets)))

    def finish(self) -> str:
        """No more octets; gives the rest."""
        rest = self._charset.decode(self._transfer.finish(), True)  # noqa: FBT003
        text = self._take(rest)
        if self._html is not None:
            text = html_to_text("".join(self._html))
            self._html = []
        return text

    def _take(self, text: str) -> str:
        if self._html is None:
            return text
        if self._room > 0:
            self._html.append(text[: self._room])
            self._room -= len(text)
        return ""

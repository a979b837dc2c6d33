"""Tells of most messages at once whether what is looked for is in their text.

What ``searching`` decodes is mostly what the octets are already: ASCII, in parts that
are not encoded. There every letter and digit of the text stands in the message, and
those that follow each other in a word do so there, too. So where they do not, no more
of the message has to be looked at; nor where they do in a part that is plain text.
Of all else ``searching`` tells::

    sieve = Sieve([casemap("Miller")])
    if not sieve.passes(octets, root):
        ...  # it is not there
    elif surely_has(octets, root, casemap("Miller"), headers=True):
        ...  # it is
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from mailapp.message.content import Encoding
from mailapp.message.part import Part
from mailapp.message.plain_header import SIZE_LIMIT
from mailapp.message.text_parts import codec_for, is_html, is_searched

_WORD: Final = re.compile("[A-Z0-9]+")
_ENCODED: Final = frozenset({Encoding.QUOTED_PRINTABLE, Encoding.BASE64})
_ASCII_CODECS: Final = ("us-ascii", "utf-8", "iso-8859-", "windows-125", "koi8-")
"""How the names begin of those that read ASCII as ASCII, whatever is around it."""
# A character reference that may be a letter, and a link that may have white space,
# which ``html_text`` leaves out of it; both in octets in upper case.
_REFERENCE: Final = re.compile(rb"&(?!(?:NBSP|AMP|LT|GT|QUOT|APOS|#39|#160);| )")
_ODD_LINK: Final = re.compile(rb"HREF(?!=\"[^\"\s]*+\")")


class Sieve:
    """See the module.

    Args:
        needles: casemapped; any of them may be looked for.
    """

    def __init__(self, needles: Collection[str]) -> None:
        words = {max(_WORD.findall(each), key=len, default="") for each in needles}
        self._open: Final = "" in words  # a needle tells nothing: all pass
        self._words: Final = [word.encode() for word in sorted(words)]
        # numbers of lists are in no octets
        self._open_to_html: Final = any(word.isdigit() for word in words)
        self._cut: Final = [
            word[:end] + b"<" for word in self._words for end in range(1, len(word))
        ]

    def passes(self, octets: bytes, root: Part) -> bool:
        """May one of the needles be in the text of this message? Hot.

        Args:
            octets: all of the message.
            root: its structure.
        """
        if self.passes_fields(octets):
            return True
        html = False
        for part in _parts(root):
            if is_searched(part):
                if not _is_literal(part):
                    return True
                html = html or is_html(part)
        return html and self._passes_html(octets.upper())

    def passes_fields(self, octets: bytes) -> bool:
        """May one of the needles be in these header fields? Hot."""
        if self._open or not octets.isascii() or b"=?" in octets:
            return True
        upper = octets.upper()
        return any(map(upper.__contains__, self._words))

    def _passes_html(self, upper: bytes) -> bool:
        """May the text of a page have one, that the octets do not have?

        Letters can come together there where markup, which begins with ``<``, is taken
        out between them, and where a reference or an address is read.
        """
        return (
            self._open_to_html
            or (b"&" in upper and _REFERENCE.search(upper) is not None)
            or (b"HREF" in upper and _ODD_LINK.search(upper) is not None)
            or any(map(upper.__contains__, self._cut))
        )


def surely_has(octets: bytes, root: Part, needle: str, *, headers: bool) -> bool:
    """Is it in the text of a message? False: that is not sure. Hot.

    Args:
        octets: all of the message.
        root: its structure.
        needle: casemapped.
        headers: see :func:`mailapp.message.searching.message_texts`.
    """
    if not _WORD.fullmatch(needle) or not octets.isascii() or b"=?" in octets:
        return False
    word, upper = needle.encode(), octets.upper()
    for part in _parts(root):
        fields_end = min(part.body_start, part.header_start + SIZE_LIMIT)
        if headers and upper.find(word, part.header_start, fields_end) >= 0:
            return True
        plain = is_searched(part) and not is_html(part) and _is_literal(part)
        if plain and upper.find(word, part.body_start, part.end) >= 0:
            return True
    return False


def _parts(root: Part) -> Iterator[Part]:
    yield root
    for part in root.parts:
        yield from _parts(part)


def _is_literal(part: Part) -> bool:
    """What is ASCII in this text stands there as it is."""
    return part.encoding not in _ENCODED and codec_for(part).startswith(_ASCII_CODECS)

"""A place in the octets of a command, and the rules that all commands share.

The octets are those of :class:`mailapp.imap.framer.Whole`: literals stand in them with
their header, as they came. Nothing here goes back by more than one rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from mailapp.core import abnf
from mailapp.core.cursor import Cursor
from mailapp.core.failures import SyntaxProblem

_T = TypeVar("_T")

NUMBER64_MOST: Final = 2**63 - 1
_DIGITS_MOST: Final = 19  # of NUMBER64_MOST
_NUMBER_MOST: Final = 2**32 - 1

# RFC 9051, section 9: atom-specials are ( ) { SP CTL % * " \ ]
ATOM_CHAR: Final = abnf.VCHAR - frozenset(b'(){%*"\\]')
ASTRING_CHAR: Final = ATOM_CHAR | frozenset(b"]")
LIST_CHAR: Final = ATOM_CHAR | frozenset(b"%*]")
TAG_CHAR: Final = ASTRING_CHAR - frozenset(b"+")
WORD_CHAR: Final = abnf.ALPHA_DIGIT | frozenset(b".-_")


def _run(allowed: frozenset[int]) -> re.Pattern[bytes]:
    """The longest run of octets of a class: linear, it never goes back."""
    escaped = b"".join(re.escape(bytes([octet])) for octet in sorted(allowed))
    return re.compile(b"[" + escaped + b"]*+")


_ATOM: Final = _run(ATOM_CHAR)
_ASTRING: Final = _run(ASTRING_CHAR)
_LIST: Final = _run(LIST_CHAR)
_TAG: Final = _run(TAG_CHAR)
_WORD: Final = _run(WORD_CHAR)
_DIGITS: Final = _run(abnf.DIGIT)
_BASE64: Final = _run(abnf.ALPHA_DIGIT | frozenset(b"+/="))
# TEXT-CHAR is %x01-7f without CR and LF; what lies above is checked as UTF-8
_QUOTED: Final = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*+)"')
_ESCAPED: Final = re.compile(rb'\\(["\\])')
_STRING_STARTS: Final = frozenset(b'"{')
_LITERAL: Final = re.compile(rb"\{([0-9]{1,19})\+?\}\r\n")


class Reader(Cursor):
    """Octets of a command, read from left to right.

    Args:
        octets: what is read.
        utf8: the client has enabled IMAP4rev2 or UTF8=ACCEPT: quoted strings may hold
            UTF-8, and mailbox names are UTF-8.
    """

    __slots__ = ("utf8",)

    def __init__(self, octets: bytes, *, utf8: bool = False) -> None:
        super().__init__(octets)
        self.utf8 = utf8

    def take_run(self, pattern: re.Pattern[bytes], reason: str) -> bytes:
        """A run of at least one octet.

        Raises:
            SyntaxProblem: the next octet is no such one.
        """
        match = pattern.match(self.octets, self.position)
        if match is None or match.end() == self.position:
            raise SyntaxProblem(reason)
        self.position = match.end()
        return match[0]

    # ---- separators

    def space(self) -> None:
        """SP, exactly one."""
        self.expect(b" ", "a space is missing")

    def open(self) -> None:
        """The beginning of a list."""
        self.expect(b"(", "an opening parenthesis is missing")

    def listed(self, item: Callable[[], _T], most: int) -> Iterator[_T]:
        """``(item SP item …)``, also with none.

        Raises:
            SyntaxProblem: it is none, or has more than ``most`` items.
        """
        self.open()
        if self.skip(b")"):
            return
        for _ in range(most):
            yield item()
            if self.skip(b")"):
                return
            self.space()
        reason = "too many items in a list"
        raise SyntaxProblem(reason)

    # ---- words

    def tag(self) -> bytes:
        """RFC 9051, section 9: ``tag``."""
        return self.take_run(_TAG, "a command begins with a tag")

    def atom(self) -> bytes:
        """RFC 9051, section 9: ``atom``."""
        return self.take_run(_ATOM, "an atom is missing")

    def word(self) -> bytes:
        """A keyword of the protocol, in upper case: letters, digits, ``.-_``."""
        return self.take_run(_WORD, "a keyword is missing").upper()

    def base64(self) -> bytes:
        """What may be base64; the decoder looks closer."""
        return self.take_run(_BASE64, "base64 is missing")

    # ---- numbers

    def digits(self) -> int:
        """1*DIGIT up to 2**63-1; leading zeros are part of the rule."""
        digits = self.take_run(_DIGITS, "a number is missing")
        if len(digits) > _DIGITS_MOST or int(digits) > NUMBER64_MOST:
            reason = "a number is too large"
            raise SyntaxProblem(reason)
        return int(digits)

    def number(self, least: int = 0, most: int = NUMBER64_MOST) -> int:
        """A number in this range: ``number64`` if nothing else is said."""
        number = self.digits()
        if not least <= number <= most:
            reason = "a number is out of range"
            raise SyntaxProblem(reason)
        return number

    def nz_number(self) -> int:
        """RFC 9051, section 9: ``nz-number``, 1 to 2**32-1; it begins with no 0."""
        if self.peek() == ord("0"):
            reason = "this number can't be 0 or begin with 0"
            raise SyntaxProblem(reason)
        return self.number(1, _NUMBER_MOST)

    # ---- strings

    def astring(self) -> bytes:
        """RFC 9051, section 9: ``astring``."""
        return self._either(_ASTRING)

    def list_mailbox(self) -> bytes:
        """RFC 9051, section 9: ``list-mailbox``."""
        return self._either(_LIST)

    def string(self) -> bytes:
        """RFC 9051, section 9: ``string``: quoted or literal."""
        if self.peek() == ord('"'):
            return self._quoted()
        return self._literal()

    def nstring(self) -> bytes | None:
        """RFC 9051, section 9: ``nstring``; None: NIL."""
        return None if self.skip_word(b"NIL") else self.string()

    def _either(self, pattern: re.Pattern[bytes]) -> bytes:
        if self.peek() in _STRING_STARTS:
            return self.string()
        return self.take_run(pattern, "a string is missing")

    def _quoted(self) -> bytes:
        match = _QUOTED.match(self.octets, self.position)
        if match is None:
            reason = "a quoted string is malformed"
            raise SyntaxProblem(reason)
        self.position = match.end()
        octets = match[1]
        if not octets.isascii():
            self._check_utf8(octets)
        return _ESCAPED.sub(rb"\1", octets) if b"\\" in octets else octets

    def _check_utf8(self, octets: bytes) -> None:
        if not self.utf8:
            reason = "8-bit characters need a literal"
            raise SyntaxProblem(reason)
        try:
            octets.decode()
        except UnicodeDecodeError:
            reason = "a quoted string is not UTF-8"
            raise SyntaxProblem(reason) from None

    def _literal(self) -> bytes:
        match = _LITERAL.match(self.octets, self.position)
        if match is None:
            reason = "a string is missing"
            raise SyntaxProblem(reason)
        self.position = match.end()
        octets = self.take(int(match[1]))
        if b"\0" in octets:
            # RFC 9051, section 9: CHAR8 is %x01-ff
            reason = "a literal can't hold NUL"
            raise SyntaxProblem(reason)
        return octets


def to_text(octets: bytes) -> str:
    """Octets that must be UTF-8.

    Raises:
        SyntaxProblem: they are not.
    """
    try:
        return octets.decode()
    except UnicodeDecodeError:
        reason = "a string is not UTF-8"
        raise SyntaxProblem(reason) from None

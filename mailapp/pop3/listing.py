"""What a POP3 server says, as values: status lines and multi-line listings (pure).

A server is not trusted: numbers, names, lines and their count have bounds, and what
breaks one is a :class:`mailapp.core.failures.SyntaxProblem`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from mailapp.core.failures import SyntaxProblem

CAPABILITY_LIMIT: Final = 200
"""Lines of an answer to CAPA."""
MESSAGES_LIMIT: Final = 1_000_000
"""Messages of a maildrop."""

_NUMBER: Final = re.compile(rb"([0-9]{1,9}) ([0-9]{1,18})(?: .*)?", re.DOTALL)
# RFC 1939, section 7: 1 to 70 characters. Longer ones have been seen; all are words.
_NAME: Final = re.compile(rb"([0-9]{1,9}) ([\x21-\x7e]{1,255})")
_UNNAMED: Final = re.compile(rb"([0-9]{1,9})(?: .*)?", re.DOTALL)
_CODE: Final = re.compile(rb"\[([A-Za-z0-9/_.-]{1,60})\]")
# RFC 1939, section 7: "the same as `msg-id'"; strict, see threat 49
_TIMESTAMP: Final = re.compile(
    rb"<[\x21-\x3b\x3d\x3f-\x7e]{1,200}@[\x21-\x3b\x3d\x3f-\x7e]{1,200}>"
)


@frozen
class Status:
    """A status line (RFC 1939, section 3).

    Attributes:
        positive: +OK, else -ERR.
        text: what stands behind it.
    """

    positive: bool
    text: bytes

    @property
    def code(self) -> str:
        """The response code (RFC 2449, section 8), in upper case, or empty."""
        match = _CODE.match(self.text)
        return match[1].decode("ascii").upper() if match else ""

    @property
    def timestamp(self) -> bytes:
        """What APOP digests, in a greeting; empty if there is none that is sound.

        Strict, since what is no msg-id may be made for a collision (CVE-2007-1558).
        """
        match = _TIMESTAMP.search(self.text)
        return match[0] if match else b""


def parse_status(line: bytes) -> Status | None:
    """A status line without its CRLF; None for anything else."""
    word, _, text = line.partition(b" ")
    match word.upper():
        case b"+OK":
            return Status(positive=True, text=text)
        case b"-ERR":
            return Status(positive=False, text=text)
        case _:
            return None


class Listing:
    """Collects the lines of one listing.

    Args:
        most: lines that are taken.
    """

    def __init__(self, most: int) -> None:
        self._most = most

    def add(self, line: bytes) -> None:
        """Take a line.

        Raises:
            SyntaxProblem: it makes no sense, or there are too many.
        """
        if self._size() >= self._most:
            reason = "a listing without end"
            raise SyntaxProblem(reason)
        self._take(line)

    def _size(self) -> int:
        raise NotImplementedError

    def _take(self, line: bytes) -> None:
        raise NotImplementedError


class Capabilities(Listing):
    """The answer to CAPA (RFC 2449, section 5): keyword to arguments, in upper case."""

    def __init__(self) -> None:
        super().__init__(CAPABILITY_LIMIT)
        self.found: dict[str, tuple[str, ...]] = {}
        self._lines = 0

    def _size(self) -> int:
        return self._lines

    def _take(self, line: bytes) -> None:
        self._lines += 1
        words = line.decode("ascii", "replace").upper().split()
        if words:
            self.found[words[0]] = tuple(words[1:])


class Sizes(Listing):
    """The answer to LIST: number to octets."""

    def __init__(self, most: int = MESSAGES_LIMIT) -> None:
        super().__init__(most)
        self.found: dict[int, int] = {}

    def _size(self) -> int:
        return len(self.found)

    def _take(self, line: bytes) -> None:
        match = _NUMBER.fullmatch(line)
        number = int(match[1]) if match else 0
        _expect_new(number, self.found)
        self.found[number] = int(match[2]) if match else 0


class Names(Listing):
    """The answer to UIDL: number to unique-id; empty for one that makes no sense."""

    def __init__(self, most: int = MESSAGES_LIMIT) -> None:
        super().__init__(most)
        self.found: dict[int, bytes] = {}

    def _size(self) -> int:
        return len(self.found)

    def _take(self, line: bytes) -> None:
        match = _NAME.fullmatch(line)
        broken = None if match else _UNNAMED.fullmatch(line)
        number = int((match or broken or {1: 0})[1])
        _expect_new(number, self.found)
        self.found[number] = match[2] if match else b""


def _expect_new(number: int, found: Mapping[int, object]) -> None:
    if number < 1 or number in found:
        reason = "a listing that makes no sense"
        raise SyntaxProblem(reason)

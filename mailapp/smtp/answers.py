"""Replies as a client reads them: octets in any cut to answers, with caps (pure).

RFC 5321, section 4.2::

    Reply-line = *( Reply-code "-" [ textstring ] CRLF )
                 Reply-code [ SP textstring ] CRLF

What a server says may cost a line, a number of lines and a number of octets; beyond
that, or where it is no reply at all, nothing it says can be trusted any more.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from mailapp.core.lines import LineBuffer, LineProblem

LINE_LIMIT: Final = 4096
"""Octets with CRLF. RFC 5321, section 4.5.3.1.5 has 512; some servers tell more."""
LINES_LIMIT: Final = 500
REPLY_LIMIT: Final = 65_536
"""Octets of all lines of one reply."""
TEXT_LIMIT: Final = 1000
"""Characters of a reply that are kept for the log, the queue and the report."""

_CODE: Final = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
# RFC 2034, section 4, and RFC 3463, section 2
_ENHANCED: Final = re.compile(rb"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?:[ \t]|\Z)")
_PRINTABLE: Final = bytes(o if 32 <= o <= 126 else 63 for o in range(256))  # noqa: PLR2004


@frozen
class Answer:
    """One whole reply of a server.

    Attributes:
        code: 200 to 599.
        lines: what followed the code on each line, as it came.
        of_rcpt: it is about one recipient, and not about the message.
    """

    code: int
    lines: tuple[bytes, ...]
    of_rcpt: bool = field(default=False, eq=False)

    @property
    def positive(self) -> bool:
        """2yz or 3yz (RFC 5321, section 4.2.1)."""
        return self.code < 400  # noqa: PLR2004 - where 4yz begins

    @property
    def permanent(self) -> bool:
        """5yz: the same command will not be accepted later either."""
        return self.code >= 500  # noqa: PLR2004 - where 5yz begins

    @property
    def status(self) -> str:
        """The enhanced code; without one, or with one of another class, ``x.0.0``."""
        found = _ENHANCED.match(self.lines[0])
        if found is not None and int(found[1]) == self.code // 100:
            return found[0].strip().decode("ascii")
        return f"{self.code // 100}.0.0"

    @property
    def text(self) -> str:
        """Code and texts on one line of printable ASCII; the rest is ``?`` or cut."""
        texts = b" ".join([line for line in self.lines if line])
        words = texts[:TEXT_LIMIT].translate(_PRINTABLE).decode("ascii").strip()
        return f"{self.code} {words}" if words else str(self.code)


@frozen
class Garbage:
    """No reply: what came instead, in a few words of ours."""

    reason: str


class AnswerReader:
    """Collects octets and gives answers."""

    __slots__ = ("_buffer", "_code", "_lines", "_octets")

    def __init__(self) -> None:
        self._buffer = LineBuffer(LINE_LIMIT)
        self._code = b""
        self._lines: list[bytes] = []
        self._octets = 0

    def __len__(self) -> int:
        """Octets that belong to no answer given yet."""
        return len(self._buffer) + self._octets

    def feed(self, octets: bytes) -> None:
        """Take more octets."""
        self._buffer.feed(octets)

    def clear(self) -> None:
        """Forget everything, as at the start of TLS."""
        self._buffer.clear()
        self._restart()

    def next(self) -> Answer | Garbage | None:
        """The next answer, or None: it is not complete. After Garbage: no more."""
        while (line := self._buffer.next_line()) is not None:
            if isinstance(line, LineProblem):
                return Garbage("a reply line without end")
            reply = (None if self._lines else _alone(line)) or self._line(line)
            if reply is not None:
                return reply
        if self._buffer.overflowing:
            return Garbage("a reply line without end")
        return None

    def _line(self, line: bytes) -> Answer | Garbage | None:
        found = _CODE.fullmatch(line)
        if found is None:
            return Garbage("something that is no reply")
        code, mark, text = found.groups(b"")
        if self._lines and code != self._code:
            # RFC 5321, section 4.2.1: "the reply code on each of the lines MUST be
            # the same"; else we have lost count of the replies
            return Garbage("a reply with two codes")
        self._code = code
        self._lines.append(text)
        self._octets += len(line)
        if mark != b"-":
            answer = Answer(int(code), tuple(self._lines))
            self._restart()
            return answer
        if len(self._lines) >= LINES_LIMIT or self._octets > REPLY_LIMIT:
            return Garbage("a reply without end")
        return None

    def _restart(self) -> None:
        self._lines = []
        self._octets = 0


@lru_cache(maxsize=256)
def _alone(line: bytes) -> Answer | None:
    """The answer of one line; None: it is none, or only begins one.

    Servers say "250 2.1.0 Ok" all the time.
    """
    found = _CODE.fullmatch(line)
    if found is None or found[2] == b"-":
        return None
    return Answer(int(found[1]), (found[3] or b"",))

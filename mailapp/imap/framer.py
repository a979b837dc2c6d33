"""Octets to whole commands: lines, and the literals between them.

RFC 9051, section 4.3: a line that ends in ``{n}`` goes on with n octets and another
line. What belongs to a command is kept until it is whole; only the messages of APPEND
pass through as they come, so that none is ever held.

Every cap is checked against the announced number, before a client is told to go on
(threat 54). A number that is none, as ``{-1}``, makes no literal: the line is whole,
and the grammar refuses it (threat 55).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from attrs import frozen

from mailapp.core.lines import LineBuffer

_DIGITS_MOST: Final = 19
_NO_LIMIT: Final = 2**62
_APPEND: Final = b"APPEND"
_TAIL: Final = 32
"""Octets at the end of a line that is thrown away: there a literal may be announced."""
_HEAD: Final = 80
"""Octets at its beginning: there the tag is."""


@frozen
class FrameLimits:
    """What one command may cost.

    Attributes:
        command_octets: lines and literals together, but for messages.
        literals: in one command, messages too.
        message_octets: of one message; 0: no command takes one.
        swallowed_octets: of literals that were sent unasked and can't be taken: beyond,
            the connection ends (RFC 7888, section 4).
        unasked_octets: of a literal that is sent unasked (RFC 7888, section 5); None:
            as of any other.
    """

    command_octets: int
    literals: int
    message_octets: int = 0
    swallowed_octets: int = 0
    unasked_octets: int | None = None


BEFORE_LOGIN: Final = FrameLimits(command_octets=8192, literals=4)


@frozen
class Whole:
    """A command, or what stands behind the last message of APPEND; without its CRLF."""

    octets: bytes


@frozen
class Announced:
    """A literal comes: the client waits to hear that it may send it."""


@frozen
class MessageBegins:
    """A message of APPEND comes.

    Attributes:
        octets: what stands before it, with the header of its literal and its CRLF.
        first: it is the first one of its command.
        waits: the client waits to hear that it may send it.
    """

    octets: bytes
    first: bool
    waits: bool


@frozen
class MessagePart:
    """Octets of a message; ``last`` where it ends."""

    octets: bytes
    last: bool


class Problem(Enum):
    """What is wrong with a command that can't be taken."""

    LINE = auto()  # too long
    LITERAL = auto()  # too big, or one too many
    MESSAGE = auto()  # too big, and its client waits to hear that
    UNREADABLE = auto()  # as LITERAL, and what follows can't be told from a command


@frozen
class Broken:
    """A command that can't be taken; but for UNREADABLE the next one may come.

    Attributes:
        head: how it begins, for its tag.
    """

    problem: Problem
    head: bytes


Frame = Whole | Announced | MessageBegins | MessagePart | Broken


@frozen
class _Marker:
    """``{n}`` at the end of a line."""

    size: int
    waits: bool
    start: int  # where it begins in its line


class _Sort(Enum):
    """What becomes of a literal's octets."""

    KEPT = auto()
    MESSAGE = auto()
    SWALLOWED = auto()


class Framer:
    """See the module.

    Args:
        limits: may be changed between commands.
    """

    def __init__(self, limits: FrameLimits) -> None:
        self.limits = limits
        self._lines = LineBuffer(_NO_LIMIT)
        self._parts: list[bytes] = []
        self._size = 0  # of the parts
        self._literals = 0
        self._messages = 0
        self._wanted = 0  # octets of a literal that are still to come
        self._sort: _Sort | None = None  # of that literal
        self._problem: Problem | None = None
        self._head = b""
        self._swallowed = 0
        self._tail: bytes | None = None  # of a line that is being thrown away

    def __len__(self) -> int:
        """Octets that were received and that no frame has carried yet."""
        return len(self._lines) + self._size

    @property
    def in_message(self) -> bool:
        """Octets of a message are due."""
        return self._sort is _Sort.MESSAGE

    def feed(self, octets: bytes) -> None:
        """Take octets, cut anywhere."""
        self._lines.feed(octets)

    def clear(self) -> None:
        """Forget everything, as at the start of TLS."""
        self._lines.clear()
        self._reset()

    def refuse(self) -> None:
        """The command was answered instead of being told to go on: it ends here."""
        self._reset()

    def spoil(self) -> None:
        """The message that just began can't be taken, but it comes: swallow it."""
        self._spoil(Problem.LITERAL, b"")
        self._sort = _Sort.SWALLOWED
        self._swallowed = self._wanted

    def next_line(self, limit: int) -> bytes | Broken | None:
        """A line that is no command: in AUTHENTICATE and IDLE."""
        line = self._lines.next_line()
        if line is None:
            if len(self._lines) <= limit:
                return None
            self._lines.take()
            return Broken(Problem.UNREADABLE, b"")
        if isinstance(line, bytes) and len(line) <= limit:
            return line
        return Broken(Problem.LINE, b"")

    def next_frame(self) -> Frame | None:
        """The next frame; None: not complete."""
        while True:
            if self._sort is None:
                line = self._line()
                if line is None:
                    return None
                frame = self._take_line(line)
            else:
                octets = self._lines.take(self._wanted)
                if not octets and self._wanted:
                    return None
                self._wanted -= len(octets)
                frame = self._take_literal(self._sort, octets)
            if frame is not None:
                return frame

    # ---- lines

    def _line(self) -> bytes | None:
        """The next line; of one that is too long only how it ends."""
        line = self._lines.next_line()
        if isinstance(line, bytes):
            if self._tail is not None:
                line, self._tail = (self._tail + line)[-_TAIL:], None
            return line
        room = self.limits.command_octets - self._size
        if self._tail is not None or len(self._lines) > room:
            self._throw_away()
        return None

    def _throw_away(self) -> None:
        """A line is too long already: keep its end only, in which a CR may be."""
        octets = self._lines.take()
        if self._tail is None:
            self._spoil(Problem.LINE, octets)
        if octets.endswith(b"\r"):
            octets = octets[:-1]
            self._lines.feed(b"\r")
        self._tail = ((self._tail or b"") + octets)[-_TAIL:]

    def _take_line(self, line: bytes) -> Frame | None:
        if self._size + len(line) > self.limits.command_octets:
            self._spoil(Problem.LINE, line)
        marker = _marker(line) if line.endswith(b"}") else None
        if self._problem is not None:
            return self._go_on_spoiled(marker)
        if marker is None:
            octets = b"".join([*self._parts, line]) if self._parts else line
            self._reset()
            return Whole(octets)
        return self._announce(line, marker)

    def _go_on_spoiled(self, marker: _Marker | None) -> Frame | None:
        """A command that is refused ends where its client waits, or with its line."""
        if marker is None or marker.waits:
            return self._break()
        self._swallowed += marker.size
        if self._swallowed > self.limits.swallowed_octets:
            self._problem = Problem.UNREADABLE
            return self._break()
        self._begin(_Sort.SWALLOWED, marker.size)
        return None

    def _announce(self, line: bytes, marker: _Marker) -> Frame | None:
        self._literals += 1
        takes = self._takes_message(line, marker)
        room = self.limits.command_octets - self._size - len(line)
        most = self.limits.message_octets if takes else room
        unasked = self.limits.unasked_octets
        if unasked is not None and not marker.waits:
            most = min(most, unasked)
        if self._literals > self.limits.literals or marker.size > most:
            refused = takes and marker.waits
            self._spoil(Problem.MESSAGE if refused else Problem.LITERAL, line)
            return self._go_on_spoiled(marker)
        self._keep(line + b"\r\n")
        if not takes:
            self._begin(_Sort.KEPT, marker.size)
            return Announced() if marker.waits else None
        begins = MessageBegins(
            b"".join(self._parts), first=not self._messages, waits=marker.waits
        )
        self._messages += 1
        self._parts.clear()
        self._size = 0
        self._begin(_Sort.MESSAGE, marker.size)
        return begins

    def _takes_message(self, line: bytes, marker: _Marker) -> bool:
        """Is this literal a message, and not the mailbox's name?"""
        if not self.limits.message_octets:
            return False
        if self._messages:
            return True
        words = (self._parts[0] if self._parts else line).split(b" ", 2)
        if len(words) < 3 or words[1].upper() != _APPEND:  # noqa: PLR2004 - three words
            return False
        return bool(self._parts) or marker.start > len(words[0]) + len(words[1]) + 2

    # ---- literals

    def _take_literal(self, sort: _Sort, octets: bytes) -> Frame | None:
        last = not self._wanted
        if last:
            self._sort = None
        if sort is _Sort.MESSAGE:
            return MessagePart(octets, last)
        if sort is _Sort.KEPT:
            self._keep(octets)
        return None

    def _begin(self, sort: _Sort, size: int) -> None:
        self._sort = sort
        self._wanted = size

    def _keep(self, octets: bytes) -> None:
        self._parts.append(octets)
        self._size += len(octets)

    # ---- ends

    def _spoil(self, problem: Problem, line: bytes) -> None:
        if self._problem is None:
            self._problem = problem
            self._head = (self._parts[0] if self._parts else line)[:_HEAD]
            self._parts.clear()
            self._size = 0

    def _break(self) -> Broken:
        broken = Broken(self._problem or Problem.LINE, self._head)
        self._reset()
        return broken

    def _reset(self) -> None:
        self._parts.clear()
        self._size = self._literals = self._messages = self._wanted = 0
        self._sort = self._problem = self._tail = None
        self._head = b""
        self._swallowed = 0


def _marker(line: bytes) -> _Marker | None:
    """The literal that a line announces; None: it is whole."""
    start = line.rfind(b"{")
    digits = line[start + 1 : -1]
    waits = not digits.endswith(b"+")
    digits = digits if waits else digits[:-1]
    if start < 0 or not digits.isdigit():
        return None
    if start and line[start - 1 : start] == b"~":
        start -= 1
    # more digits than any number has: too big, whatever they are
    size = int(digits) if len(digits) <= _DIGITS_MOST else 10**_DIGITS_MOST
    return _Marker(size, waits, start)

"""Whether a message is NVT-ASCII, and how it becomes so (pure).

RFC 937, pages 5 and 12: messages are in NVT-ASCII, their lines at most 1000 octets with
CRLF. Both machines take a message of any size in chunks, cut anywhere.
"""

from __future__ import annotations

import re
from typing import Final

from mailapp.message.eai import downgrade
from mailapp.message.line_ends import Pairs, paired
from mailapp.message.sevenbit import NotConvertible, Obstacle, SevenBit, convert
from mailapp.pop2.grammar import TEXT_LIMIT

_CONTENT_LIMIT: Final = TEXT_LIMIT - 2
_CRLF: Final = b"\r\n"
_LONE_CR: Final = re.compile(rb"\r(?!\n)")
_LONE_LF: Final = re.compile(rb"(?<!\r)\n")
_AS_ASCII: Final = bytes([ord("?"), *range(1, 128), *[ord("?")] * 128])


class Scan:
    """Looks whether all octets are 1 to 127, lines short, and CR and LF in pairs.

    Attributes:
        clean: so far they are.
        size_octets: seen so far.
    """

    __slots__ = ("_open", "_pairs", "clean", "size_octets")

    def __init__(self) -> None:
        self.clean = True
        self.size_octets = 0
        self._open = 0  # octets since the last LF
        self._pairs = Pairs()

    def feed(self, chunk: bytes) -> None:
        """Take the next octets."""
        self.size_octets += len(chunk)
        if self.clean and chunk:
            self.clean = (
                chunk.isascii()
                and b"\0" not in chunk
                and self._pairs.hold(chunk)
                and self._short(chunk)
            )

    def finish(self) -> bool:
        """No more will come: was all of it clean?"""
        if self._pairs.cut or self._open > _CONTENT_LIMIT:
            self.clean = False
        return self.clean

    def _short(self, chunk: bytes) -> bool:
        first = chunk.find(b"\n")
        if first < 0:
            self._open += len(chunk)
            return self._open < TEXT_LIMIT
        if self._open + first >= TEXT_LIMIT:
            return False
        position, size = first + 1, len(chunk)
        while size - position >= TEXT_LIMIT:
            # the last LF that a window of the longest legal line has
            position = chunk.rfind(b"\n", position, position + TEXT_LIMIT) + 1
            if not position:
                return False
        self._open = size - chunk.rfind(b"\n") - 1
        return True


def is_clean(octets: bytes) -> bool:
    """As :class:`Scan`, for a whole message."""
    scan = Scan()
    scan.feed(octets)
    return scan.finish()


def converted(octets: bytes) -> bytes | None:
    """A whole message in 7-bit MIME; None: that is not possible.

    Of a header in UTF-8 a surrogate is made (RFC 6857, section 3): its addresses can't
    be answered, and all of it can be read.
    """
    result = convert(octets)
    if isinstance(result, NotConvertible) and result.reason is Obstacle.HEADER:
        result = convert(downgrade(octets))
    return result.octets if isinstance(result, SevenBit) else None


class Mender:
    """Makes any octets clean, chunk by chunk: what can't be shown becomes ``?``.

    Lines that are too long are cut; a lone LF becomes CRLF.
    """

    __slots__ = ("_column", "_held")

    def __init__(self) -> None:
        self._held = b""  # a CR whose LF may be in the next chunk
        self._column = 0

    def mend(self, chunk: bytes) -> bytes:
        """The chunk as it is to be shown; its last octet may wait for the next one."""
        text = self._held + chunk
        self._held = b"\r" if text.endswith(b"\r") else b""
        if self._held:
            text = text[:-1]
        if not paired(text):
            text = _LONE_LF.sub(_CRLF, _LONE_CR.sub(b"?", text))
        return self._wrap(text.translate(_AS_ASCII))

    def finish(self) -> bytes:
        """What was held back."""
        held, self._held = self._held, b""
        return self._fold(b"?") if held else b""

    def _wrap(self, text: bytes) -> bytes:
        lines = text.split(_CRLF)
        lines[0] = self._fold(lines[0])
        if len(lines) > 1:
            if max(map(len, lines[1:])) > _CONTENT_LIMIT:
                lines[1:] = [self._next(line) for line in lines[1:]]
            else:
                self._column = len(lines[-1])
        return _CRLF.join(lines)

    def _next(self, line: bytes) -> bytes:
        self._column = 0
        return self._fold(line)

    def _fold(self, line: bytes) -> bytes:
        """Go on with the open line."""
        room = _CONTENT_LIMIT - self._column
        if len(line) <= room:
            self._column += len(line)
            return line
        starts = range(room, len(line), _CONTENT_LIMIT)
        pieces = [line[:room], *(line[at : at + _CONTENT_LIMIT] for at in starts)]
        self._column = len(pieces[-1])
        return _CRLF.join(pieces)

"""The inverse of dot-stuffing, at any cut (RFC 1939, section 3).

Only ``CRLF.CRLF`` ends a message. A ``.`` between other line ends is content, so that
no message can end early for us and late for others.
"""

from __future__ import annotations

from typing import Final

_END: Final = b"\r\n.\r\n"


class Unstuffer:
    """Takes one message out of a buffer, piece by piece.

    Attributes:
        ended: the end was taken out too; what is left in the buffer comes behind it.
    """

    __slots__ = ("_begun", "ended")

    def __init__(self) -> None:
        """Begin behind the CRLF of the status line."""
        self.ended = False
        self._begun = False

    def take(self, buffer: bytearray) -> bytes:
        """Remove what is certain from the front; its content, which may be empty.

        At most four octets stay: the beginning of what may be the end.
        """
        if not self._begun and not self._begin(buffer):
            return b""
        end = buffer.find(_END)
        if end >= 0:
            self.ended = True
            content = bytes(buffer[: end + 2])
            del buffer[: end + len(_END)]
        else:
            whole = len(buffer) - _held_back(buffer)
            content = bytes(buffer[:whole])
            del buffer[:whole]
        return content.replace(b"\r\n.", b"\r\n")

    def _begin(self, buffer: bytearray) -> bool:
        """The first line may be the end, or begin with a dot that was put there."""
        if buffer.startswith(b".\r\n"):
            del buffer[:3]
            self._begun = self.ended = True
            return False
        if b".\r\n".startswith(buffer):
            return False
        if buffer.startswith(b"."):
            del buffer[:1]
        self._begun = True
        return True


def _held_back(buffer: bytearray) -> int:
    """How many octets at the end may begin ``CRLF.CRLF``: no dot is ever cut off."""
    if buffer.endswith((b"\r", b"\n", b".")):
        for keep in (4, 3, 2, 1):
            if buffer.endswith(_END[:keep]):
                return keep
    return 0

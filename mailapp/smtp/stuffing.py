r"""Content on its way out: CRLF lines only, dots doubled, and one end (pure).

RFC 5321, section 4.5.2. Outbound smuggling (threat 3) needs a server further on that
takes ``LF.LF`` or ``CR.CR`` for the end of the content. No CR or LF alone ever leaves
from here: each becomes a CRLF before dots are doubled.
"""

from __future__ import annotations

from typing import Final

_CRLF: Final = b"\r\n"
_HARMLESS: Final = bytes(o for o in range(256) if o not in _CRLF)


def tidy(octets: bytes) -> bytes:
    """The same with CRLF for each line end; almost always the same octets.

    What ends with CR must have its LF: the caller does not cut between them.
    """
    if octets.translate(None, _HARMLESS) == _CRLF * octets.count(_CRLF):
        return octets
    plain = octets.replace(_CRLF, b"\n").replace(b"\r", b"\n")
    return plain.replace(b"\n", _CRLF)


def whole_lines(octets: bytes) -> bytes:
    """A whole content, tidy and with CRLF at its end."""
    octets = tidy(octets)
    return octets if octets[-2:] == _CRLF or not octets else octets + _CRLF


class Stuffing:
    """The content of one DATA command, chunk by chunk."""

    __slots__ = ("_at_line_start", "_held")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""

    def encode(self, octets: bytes) -> bytes:
        """The next octets as they leave; a CR at their end waits for what follows."""
        octets = self._held + octets if self._held else octets
        self._held = b""
        if octets[-1:] == b"\r":
            self._held = b"\r"
            octets = octets[:-1]
        if not octets:
            return b""
        octets = tidy(octets)
        dotted = self._at_line_start and octets[:1] == b"."
        self._at_line_start = octets[-2:] == _CRLF
        if b"\r\n." in octets:
            octets = octets.replace(b"\r\n.", b"\r\n..")
        return b"." + octets if dotted else octets

    def end(self) -> bytes:
        """What ends the content."""
        missing = self._held or not self._at_line_start
        return b"\r\n.\r\n" if missing else b".\r\n"

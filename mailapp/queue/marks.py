"""What a content is made of, found while it streams by (pure)."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from mailapp.core.envelope import Body, Envelope
from mailapp.message.line_ends import Lengths, Pairs

_LINE_OCTETS: Final = 1000
"""Of a line with its CRLF (RFC 5321, section 4.5.3.1.6)."""
_DECLARED: Final = {Body.SEVEN_BIT: 0, Body.EIGHT_BIT: 1, Body.BINARY: 2}


class Marks:
    """Counts, so that no content goes on under a wrong label.

    What holds a CR, LF or NUL that stands alone is binary, whatever it was called on
    its way in: so no server is given it as lines, of which it might make others
    (threat 3). So is what has a line of more than 998 octets (RFC 2045, section 2.9):
    a server that knows no BINARYMIME gets it encoded.
    """

    __slots__ = ("_binary", "_lengths", "_pairs", "eight_bit", "size_octets")

    def __init__(self) -> None:
        self.size_octets = 0
        self.eight_bit = False
        self._binary = False
        self._pairs = Pairs()
        self._lengths = Lengths(_LINE_OCTETS)

    def feed(self, octets: bytes) -> None:
        """Take the next octets."""
        self.size_octets += len(octets)
        if not self.eight_bit and not octets.isascii():
            self.eight_bit = True
        if not self._binary:
            self._binary = (
                not self._pairs.hold(octets)
                or b"\0" in octets
                or not self._lengths.hold(octets)
            )

    @property
    def binary(self) -> bool:
        """It has a CR, LF or NUL that stands alone, or a long line."""
        return self._binary or self._pairs.cut

    def label(self, envelope: Envelope) -> Envelope:
        """With BODY as the content is, or as the client said if that is more.

        RFC 6152, section 3, and RFC 3030, section 3.
        """
        body = Body.EIGHT_BIT if self.eight_bit else Body.SEVEN_BIT
        if self.binary:
            body = Body.BINARY
        if _DECLARED[body] > _DECLARED[envelope.body]:
            return evolve(envelope, body=body)
        return envelope

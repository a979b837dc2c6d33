"""Replies: a code, perhaps an enhanced status, and lines of text, as octets.

RFC 5321, section 4.2::

    Reply-line = *( Reply-code "-" [ textstring ] CRLF )
                 Reply-code [ SP textstring ] CRLF
    textstring = 1*(%d09 / %d32-126)

Every reply of the server is made here, so none can be malformed, whatever text a
policy or an exception brought along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from mailapp.core.status import Status

LINE_LIMIT: Final = 512  # octets with CRLF; RFC 5321, section 4.5.3.1.5
_NO_TEXT: Final = "no more is known"
_CLOSING_CODES: Final = frozenset({221, 421, 521})


@frozen
class Reply:
    """One whole reply, ready to be written.

    Attributes:
        code: 200 to 599.
        octets: all of its lines, each with its CRLF.
        closes: the connection ends with it.
    """

    code: int
    octets: bytes = field(repr=False)
    closes: bool = False

    @property
    def positive(self) -> bool:
        """2yz or 3yz (RFC 5321, section 4.2.1)."""
        return self.code < 400  # noqa: PLR2004 - where 4yz begins

    @property
    def text(self) -> str:
        """For the log: the lines without CRLF."""
        return self.octets.decode("ascii").replace("\r\n", " ").rstrip()


@frozen
class Replies:
    """Several replies to one event: LMTP has one for each recipient (RFC 2033).

    Attributes:
        each: none, where no recipient was accepted.
    """

    each: tuple[Reply, ...]

    @property
    def octets(self) -> bytes:
        """All of them in their order."""
        return b"".join([reply.octets for reply in self.each])

    @property
    def positive(self) -> bool:
        """Somebody has the message."""
        return any(reply.positive for reply in self.each)

    @property
    def closes(self) -> bool:
        """The connection ends with them."""
        return any(reply.closes for reply in self.each)

    @property
    def code(self) -> int:
        """Of the first; 503 if there is none."""
        return self.each[0].code if self.each else 503

    @property
    def text(self) -> str:
        """For the log."""
        return " ".join([reply.text for reply in self.each]) or "no valid recipients"


Answer = Reply | Replies


def make_reply(
    code: int, status: Status | None, lines: Sequence[str], *, closes: bool = False
) -> Reply:
    """Put a reply together. The only place where one is made.

    The class of the enhanced code is the first digit of the reply code (RFC 2034,
    section 4), and it stands on every line. 221, 421 and 521 close (RFC 5321, section
    3.8; RFC 7504, section 3).

    Args:
        code: three digits, the first of them 2 to 5.
        status: None where RFC 2034 wants none: greeting, EHLO, HELO, 354.
        lines: any text; what does not fit a textstring becomes ``?``, and what does
            not fit a line is cut.
        closes: the connection ends although the code does not say so.
    """
    if not 200 <= code <= 599:  # noqa: PLR2004 - RFC 5321, section 4.2
        msg = f"{code} is no reply code"
        raise ValueError(msg)
    head = f"{status.enhanced(code)} " if status is not None else ""
    texts = [_textstring(head + (line or _NO_TEXT)) for line in lines or ("",)]
    last = len(texts) - 1
    octets = b"".join(
        b"%d%c%s\r\n" % (code, b" " if i == last else b"-", text)
        for i, text in enumerate(texts)
    )
    return Reply(code, octets, closes or code in _CLOSING_CODES)


_PRINTABLE: Final = bytes(o if o == 9 or 32 <= o <= 126 else 63 for o in range(256))  # noqa: PLR2004


def _textstring(text: str) -> bytes:
    octets = text.encode("ascii", "replace").translate(_PRINTABLE)
    return octets[: LINE_LIMIT - len(b"250 \r\n")]

r"""The content that follows DATA or BDAT: octets as sent to octets as meant.

RFC 5321, section 4.5.2, and RFC 3030.

Only ``CRLF.CRLF`` ends the content. A line ends with CRLF and nothing else does: what
some servers take for an end of data (``LF.LF``, ``LF.CRLF``, ``CR.CR`` …) stays content
here, and is reported, so that the whole message is refused at its real end; a message
whose parts are read differently by two servers is how mail is smuggled
(CVE-2023-51764, -51765, -51766).

Each octet is looked at by a few primitives that run at memory speed (hundreds of MB/s
with 64 KiB chunks), never one by one.
"""

from __future__ import annotations

from typing import Final

from mailapp.message.line_ends import Lengths, paired

END_OF_DATA: Final = b"\r\n.\r\n"
_CRLF: Final = b"\r\n"
_STUFFED: Final = b"\r\n."


class Decoder:
    """What both ways to send content have in common: its measure.

    Args:
        line_limit: octets of a line with its CRLF, without the dot that was doubled
            (RFC 5321, section 4.5.3.1.6); 0 is no limit.

    Attributes:
        ended: the end of the content was seen; nothing more may be decoded.
        rest: what came behind it.
        size_octets: of the content so far, as RFC 1870, section 5, counts it.
        stray: a NUL was seen, or a CR or LF that stands alone.
        long_line: a line above the limit was seen.
        eight_bit: an octet above 127 was seen.
    """

    __slots__ = (
        "_held",
        "_lengths",
        "eight_bit",
        "ended",
        "long_line",
        "rest",
        "size_octets",
        "stray",
    )

    def __init__(self, line_limit: int) -> None:
        self.ended = False
        self.rest = b""
        self.size_octets = 0
        self.stray = False
        self.long_line = False
        self.eight_bit = False
        self._held = b""
        self._lengths = Lengths(line_limit) if line_limit else None

    def decode(self, chunk: bytes) -> bytes:
        """The next octets of the content; may be empty."""
        raise NotImplementedError

    def _examine(self, content: bytes) -> None:
        self.size_octets += len(content)
        if not (self.eight_bit or content.isascii()):
            self.eight_bit = True
        if not self.stray:
            self.stray = b"\0" in content or not paired(content)
        if self._lengths is not None and not self._lengths.hold(content):
            self.long_line = True


class DataDecoder(Decoder):
    """Takes what follows DATA in any cut and removes the extra dots."""

    __slots__ = ("_virtual",)

    def __init__(self, line_limit: int) -> None:
        """Begin behind the CRLF of the DATA command."""
        super().__init__(line_limit)
        # The end of data may come at once: its first CRLF is then that of the command
        # (section 4.1.1.4). So we begin as if that CRLF were content, and drop it.
        self._held = _CRLF
        self._virtual = True

    def decode(self, chunk: bytes) -> bytes:
        """The next octets of the content; may be empty."""
        octets = self._held + chunk if self._held else chunk
        dot = octets.find(_STUFFED)
        end = octets.find(END_OF_DATA, dot) if dot >= 0 else -1
        if end >= 0:
            self.ended = True
            self.rest = octets[end + 5 :]
            content = octets[: end + 2]
        else:
            content = self._hold_back(octets)
        if 0 <= dot != end:
            content = content.replace(_STUFFED, _CRLF)
        if self._virtual and content:
            self._virtual = False
            content = content[2:]
        if content:
            self._examine(content)
        return content

    def _hold_back(self, octets: bytes) -> bytes:
        """Keep what may be the beginning of ``CRLF.CRLF``: at most four octets.

        So neither the end of data, nor a doubled dot, nor a CRLF is ever cut.
        """
        keep = 0
        if octets.endswith((b"\r", b"\n", b".")):
            for keep in (4, 3, 2, 1, 0):
                if octets.endswith(END_OF_DATA[:keep]):
                    break
        end = len(octets) - keep
        self._held = octets[end:]
        return octets[:end] if keep else octets


class ChunkDecoder(Decoder):
    """Takes the octets of BDAT chunks; they are counted, so no dot is added to them.

    A text is measured as one that follows DATA is: what would not be taken there would
    have to be refused where it is sent on (threat 3). Where one chunk ends and the next
    begins means nothing (RFC 3030, section 2).

    Args:
        line_limit: as of other content.
        binary: any octets in any order are legal (RFC 3030, section 3).
    """

    __slots__ = ("_binary",)

    def __init__(self, line_limit: int, *, binary: bool) -> None:
        super().__init__(line_limit)
        self._binary = binary

    def decode(self, chunk: bytes) -> bytes:
        """The next octets of the content; a CR waits for what follows it."""
        if self._binary:
            self.size_octets += len(chunk)
            if not (self.eight_bit or chunk.isascii()):
                self.eight_bit = True
            return chunk
        content = self._held + chunk if self._held else chunk
        self._held = b""
        if content.endswith(b"\r"):
            self._held = b"\r"
            content = content[:-1]
        if content:
            self._examine(content)
        return content

    def finish(self) -> None:
        """The last chunk is complete."""
        self.ended = True
        self.stray = self.stray or bool(self._held)

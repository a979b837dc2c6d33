r"""The file of an entry: content, envelope, and a footer that seals them (pure).

::

    content                           any octets
    {"envelope": {...}, ...}          JSON, one line, ASCII
    \n                                so that the footer is a line of its own
    mailapp-queue 1 CCCCCCCCCCCCCCCC JJJJJJJJ cccccccc ffffffff END\n

The footer has 65 octets: the version of the form, the octets of the content and of the
JSON (decimal), the CRC-32 of the content, and that of the JSON and the footer before it
(hexadecimal). It stands last, since the content streams to the disk while the envelope
may still change. A file without a good footer was never committed, or is damaged.

A newer program may put more into the JSON under the same version. A change that an
older one must not pass over gets another version (of one digit, in the same place), and
is left alone by the older one.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from zlib import crc32

from attrs import frozen

from mailapp.core.envelope import Envelope
from mailapp.queue.forms import envelope_form, read_envelope
from mailapp.queue.types import Entry

VERSION: Final = 1
FOOTER: Final = 65
"""Octets of the footer."""
LONGEST_TRAILER: Final = 64 << 20
"""Octets of the longest JSON that is read: some 300,000 recipients."""
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_FOOTER: Final = re.compile(
    rb"\nmailapp-queue (\d) (\d{16}) (\d{8}) ([0-9a-f]{8}) ([0-9a-f]{8}) END\n"
)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Corrupt(ValueError):
    """No entry, or a damaged one; the text says what is wrong with it."""


class TooNew(ValueError):
    """Written by a newer program in a form that this one does not know."""


@frozen
class Footer:
    """What the end of a file says of the rest.

    Attributes:
        version: of the form.
        content_octets: of the content.
        trailer_octets: of the JSON.
        content_crc: CRC-32 of the content.
        trailer_crc: CRC-32 of the JSON and of ``checked``.
        checked: the footer up to that CRC.
    """

    version: int
    content_octets: int
    trailer_octets: int
    content_crc: int
    trailer_crc: int
    checked: bytes

    @property
    def file_octets(self) -> int:
        """Octets of the whole file."""
        return self.content_octets + self.trailer_octets + FOOTER


def is_entry_id(text: str) -> bool:
    """It can name an entry: 1 to 64 letters, digits, ``-`` and ``_``."""
    return _ID.fullmatch(text) is not None


def encode_trailer(
    envelope: Envelope,
    *,
    queued_at: float,
    eight_bit: bool,
    content_octets: int,
    content_crc: int,
) -> bytes:
    """What is written behind the content."""
    form = {
        "envelope": envelope_form(envelope),
        "queued_at": queued_at,
        "eight_bit": eight_bit,
    }
    text = _encode(form).encode("ascii")
    head = b"\nmailapp-queue %d %016d %08d %08x " % (
        VERSION,
        content_octets,
        len(text),
        content_crc,
    )
    return b"%b%b%08x END\n" % (text, head, crc32(head, crc32(text)))


def decode_footer(octets: bytes) -> Footer:
    """Read the last octets of a file.

    Raises:
        Corrupt: they are no footer.
    """
    match = _FOOTER.fullmatch(octets[-FOOTER:])
    if match is None:
        reason = "the file has no end"
        raise Corrupt(reason)
    return Footer(
        int(match[1]),
        int(match[2]),
        int(match[3]),
        int(match[4], 16),
        int(match[5], 16),
        match[0][: match.start(5) - match.start()],
    )


def decode_trailer(footer: Footer, text: bytes) -> Entry:
    """Read the JSON that stands before the footer.

    Raises:
        Corrupt: it is damaged.
        TooNew: it is whole, but of another version.
    """
    if (
        len(text) != footer.trailer_octets
        or crc32(footer.checked, crc32(text)) != footer.trailer_crc
    ):
        reason = "the envelope is damaged"
        raise Corrupt(reason)
    if footer.version != VERSION:
        reason = f"form {footer.version} of the file is unknown"
        raise TooNew(reason)
    try:
        form: dict[str, Any] = json.loads(text.decode("ascii"))
        return Entry(
            read_envelope(form["envelope"]),
            footer.content_octets,
            bool(form["eight_bit"]),
            float(form["queued_at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        reason = f"the envelope is not understood: {type(problem).__name__}"
        raise Corrupt(reason) from problem

"""BINARYMIME (RFC 3030, section 3): MIME content of any octets in any order.

Such a message comes by BDAT only. A NUL, a CR or LF that stands alone and a long line
are legal in it, and every octet is kept: the Maildir holds the message as it came. So a
reader who takes it line by line (POP3, or a program on the Maildir) meets lines that
text never has; IMAP clients get its parts by length, whatever is in them.
"""

from __future__ import annotations

from typing import Final

from mailapp.core.envelope import Body
from mailapp.smtp.extensions.eightbitmime import read_body
from mailapp.smtp.extensions.extension import Extension, always

_BODIES: Final = {body.value.encode(): body for body in Body}

BINARYMIME: Final = Extension(
    "BINARYMIME",
    always("BINARYMIME"),
    # below 8BITMIME in the table, whose BODY has one value less
    mail_parameters={b"BODY": read_body(_BODIES)},
    mail_octets=16,  # section 3
    explains={
        b"BODY": "BODY=7BIT, 8BITMIME or BINARYMIME (by BDAT only).",
    },
)

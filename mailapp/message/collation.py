"""The collation i;unicode-casemap (RFC 5051): how IMAP compares text.

Each character by itself becomes its titlecase, then that is decomposed. So the outcome
for a text is that for its pieces, and a substring of the text has an outcome that is a
substring of the text's.
"""

from __future__ import annotations

import unicodedata
from typing import Final


class _Casemap(dict[int, str]):
    """What each character becomes, found out when it is first met."""

    def __missing__(self, code: int) -> str:
        """RFC 5051, section 2, step 2."""
        character = chr(code)
        # UnicodeData.txt has only simple mappings, one character for one; where Python
        # gives several, as for U+00DF, that file has none.
        title = character.title()
        prepared = unicodedata.normalize(
            "NFKD", title if len(title) == 1 else character
        )
        self[code] = prepared
        return prepared


_CASEMAP: Final = _Casemap()


def casemap(text: str) -> str:
    """The prepared form of a text.

    Two texts are equal, or in order, or one is part of the other, as their prepared
    forms are: Python compares by code points, which is the order of UTF-8's octets.
    """
    return text.upper() if text.isascii() else text.translate(_CASEMAP)

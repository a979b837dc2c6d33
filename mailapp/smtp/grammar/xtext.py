"""xtext: parameter values with octets that a parameter can't carry (RFC 3461).

Section 4::

    xtext   = *( xchar / hexchar )
    xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive,
              except for "+" and "="
    hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
"""

from __future__ import annotations

import re
from typing import Final

from mailapp.core import abnf
from mailapp.core.failures import SyntaxProblem

_XTEXT: Final = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEXCHAR: Final = re.compile(rb"\+([0-9A-F]{2})")
_MUST_ENCODE: Final = re.compile(rb"[^!-*,-<>-~]")
_CTL: Final = bytes(sorted(abnf.CTL))


def decode_xtext(value: bytes) -> bytes:
    """What the value stands for.

    Raises:
        SyntaxProblem: it is no xtext, or hides a control (threat 17); answered 501
            5.5.4.
    """
    if _XTEXT.fullmatch(value) is None:
        reason = "not xtext"
        raise SyntaxProblem(reason)
    if b"+" in value:
        value = _HEXCHAR.sub(lambda found: bytes([int(found[1], 16)]), value)
    if len(value.translate(None, _CTL)) != len(value):
        reason = "a control character in xtext"
        raise SyntaxProblem(reason)
    return value


def encode_xtext(text: str) -> bytes:
    """The other way round."""
    return _MUST_ENCODE.sub(lambda found: b"+%02X" % found[0][0], text.encode())

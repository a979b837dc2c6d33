"""Base64 as SASL takes it: the one canonical form and no other.

RFC 5802, section 2.1 and RFC 4648, section 3.5: no white space, padding present, unused
bits zero. Two spellings of one value have broken channel binding checks elsewhere
(CVE-2026-33603), and what is no base64 must fail only its own exchange.
"""

from __future__ import annotations

import binascii

from mailapp.core.failures import SyntaxProblem


def decode(text: bytes) -> bytes:
    """The octets of canonical base64; the empty text is no octets.

    Raises:
        SyntaxProblem: answered 501 5.5.2.
    """
    try:
        octets = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        octets = b""
    if binascii.b2a_base64(octets, newline=False) != text:
        reason = "not valid base64"
        raise SyntaxProblem(reason)
    return octets


def encode(octets: bytes) -> bytes:
    """Base64 without line ends."""
    return binascii.b2a_base64(octets, newline=False)

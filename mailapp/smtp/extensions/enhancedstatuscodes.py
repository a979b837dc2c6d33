"""ENHANCEDSTATUSCODES (RFC 2034): every reply says more than three digits can.

The codes are always sent; the reply builder derives their class from the reply code.
"""

from __future__ import annotations

from typing import Final

from mailapp.smtp.extensions.extension import Extension, always

ENHANCEDSTATUSCODES: Final = Extension(
    "ENHANCEDSTATUSCODES", always("ENHANCEDSTATUSCODES")
)

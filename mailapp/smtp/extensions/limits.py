"""LIMITS (RFC 9422): what the server enforces, said before a client runs into it.

RCPTDOMAINMAX (RFC 9422, section 4.3) is left out: recipients may be of any number of
domains. As a client we keep to it.
"""

from __future__ import annotations

from typing import Final

from mailapp.smtp.extensions.extension import Extension, Offer

_MOST: Final = 999_999  # sections 4.1 and 4.2: "six-digit maximum"


def _line(offer: Offer) -> str:
    line = f"LIMITS RCPTMAX={min(offer.recipients, _MOST)}"
    if offer.transactions:
        line += f" MAILMAX={min(offer.transactions, _MOST)}"
    return line


LIMITS: Final = Extension("LIMITS", _line)

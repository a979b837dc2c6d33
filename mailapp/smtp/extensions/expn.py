"""EXPN, listed where it is done (RFC 5321, sections 3.5.2 and 4.1.1.1)."""

from __future__ import annotations

from typing import Final

from mailapp.smtp.extensions.extension import Extension, Offer


def _line(offer: Offer) -> str | None:
    return "EXPN" if offer.verify else None


EXPN: Final = Extension("EXPN", _line)

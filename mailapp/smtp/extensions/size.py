"""SIZE (RFC 1870): how big a message may be, and how big the next one will be."""

from __future__ import annotations

from typing import Final

from mailapp.core import abnf
from mailapp.smtp.extensions.extension import Extension, Offer
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters

_DIGITS: Final = 20  # RFC 1870, section 3: size-value ::= 1*20DIGIT


def _line(offer: Offer) -> str:
    return f"SIZE {offer.size_octets}"  # section 4: 0 is no fixed limit


def _read(value: bytes | None) -> int:
    if value is None or len(value) > _DIGITS or not abnf.is_digits(value):
        reason = "SIZE must be a number of octets"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return int(value)


def declared_size(parameters: Parameters) -> int | None:
    """The SIZE that MAIL declared, if any."""
    size: int | None = parameters.get(b"SIZE")
    return size


SIZE: Final = Extension(
    "SIZE",
    _line,
    mail_parameters={b"SIZE": _read},
    mail_octets=26,  # section 3
    explains={
        b"SIZE": "SIZE=octets: how big the message will be.",
    },
)

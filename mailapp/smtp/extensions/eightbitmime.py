"""8BITMIME (RFC 6152): content with octets above 127, kept as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mailapp.core.envelope import Body
from mailapp.smtp.extensions.extension import Extension, always
from mailapp.smtp.grammar.parameters import (
    CommandProblem,
    Fault,
    Parameters,
    ReadValue,
)


def read_body(known: Mapping[bytes, Body]) -> ReadValue:
    """The reader of BODY where these are its values."""
    names = " or ".join(name.decode("ascii") for name in known)

    def read(value: bytes | None) -> Body:
        body = known.get((value or b"").upper())
        if body is None:
            reason = f"BODY must be {names}"
            raise CommandProblem(Fault.ARGUMENT, reason)
        return body

    return read


_SEVEN_BIT: Final = Body.SEVEN_BIT


def declared_body(parameters: Parameters) -> Body:
    """The BODY that MAIL declared; 7BIT if it did not."""
    body: Body = parameters.get(b"BODY", _SEVEN_BIT)
    return body


EIGHTBITMIME: Final = Extension(
    "8BITMIME",
    always("8BITMIME"),
    mail_parameters={
        b"BODY": read_body({b"7BIT": Body.SEVEN_BIT, b"8BITMIME": Body.EIGHT_BIT})
    },
    mail_octets=17,  # RFC 6152, section 2
    explains={
        b"BODY": "BODY=7BIT or 8BITMIME: whether octets above 127 come.",
    },
)

"""8BITMIME (RFC 6152): content with octets above 127, kept as it is."""

from __future__ import annotations

from typing import Final

from mailapp.core.envelope import Body
from mailapp.smtp.extensions.extension import Extension, always
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters

_BODIES: Final = {b"7BIT": Body.SEVEN_BIT, b"8BITMIME": Body.EIGHT_BIT}


def _read(value: bytes | None) -> Body:
    body = _BODIES.get((value or b"").upper())
    if body is None:
        reason = "BODY must be 7BIT or 8BITMIME"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return body


def declared_body(parameters: Parameters) -> Body:
    """The BODY that MAIL declared; 7BIT if it did not."""
    body: Body = parameters.get(b"BODY", Body.SEVEN_BIT)
    return body


EIGHTBITMIME: Final = Extension(
    "8BITMIME",
    always("8BITMIME"),
    mail_parameters={b"BODY": _read},
    mail_octets=17,  # RFC 6152, section 2
)

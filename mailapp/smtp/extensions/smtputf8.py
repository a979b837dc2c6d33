"""SMTPUTF8 (RFC 6531): addresses and header fields in UTF-8."""

from __future__ import annotations

from typing import Final

from mailapp.smtp.extensions.extension import Extension, always
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters


def _read(value: bytes | None) -> bool:
    if value is not None:
        # RFC 6531, section 3.4: "it MUST not accept a value"
        reason = "SMTPUTF8 takes no value"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return True


def wants_utf8(parameters: Parameters) -> bool:
    """MAIL gave SMTPUTF8."""
    return b"SMTPUTF8" in parameters


SMTPUTF8: Final = Extension(
    "SMTPUTF8",
    always("SMTPUTF8"),
    mail_parameters={b"SMTPUTF8": _read},
    mail_octets=10,  # RFC 6531, section 3.1
    explains={
        b"SMTPUTF8": "SMTPUTF8: addresses or header fields are in UTF-8.",
    },
)

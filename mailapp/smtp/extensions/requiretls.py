"""REQUIRETLS (RFC 8689): the message must be protected by TLS on its whole way."""

from __future__ import annotations

from typing import Final

from mailapp.smtp import replies
from mailapp.smtp.extensions.extension import (
    Agreed,
    Circumstances,
    Extension,
    Offer,
)
from mailapp.smtp.grammar.parameters import CommandProblem, Fault, Parameters
from mailapp.smtp.grammar.reply import Reply


def _line(offer: Offer) -> str | None:
    # section 2: it is announced in the reply to EHLO that follows the handshake
    return "REQUIRETLS" if offer.tls_on else None


def _read(value: bytes | None) -> bool:
    if value is not None:
        reason = "REQUIRETLS takes no value"
        raise CommandProblem(Fault.ARGUMENT, reason)
    return True


def _settle(_parameters: Parameters, circumstances: Circumstances) -> Agreed | Reply:
    """Section 2: "The session itself MUST employ TLS transmission"."""
    if not circumstances.tls_on:
        return replies.TLS_REQUIRED
    return Agreed({"require_tls": True})


REQUIRETLS: Final = Extension(
    "REQUIRETLS",
    _line,
    mail_parameters={b"REQUIRETLS": _read},
    mail_octets=11,  # section 2
    settle=_settle,
    needs_queue=True,
    explains={
        b"REQUIRETLS": "REQUIRETLS: send the message on over verified TLS alone.",
    },
)

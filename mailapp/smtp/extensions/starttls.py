"""STARTTLS (RFC 3207): from a clear connection to a protected one.

Octets that come in behind the command and before the handshake end the connection
(CVE-2011-0411; threat 7), and all that the client said in the clear is forgotten
(section 4.2).
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from mailapp.smtp import replies
from mailapp.smtp.extensions.extension import Extension, Offer
from mailapp.smtp.grammar.command import Command, expect_nothing
from mailapp.smtp.states import Rule, State
from mailapp.smtp.verbs import Verb


@frozen
class StartTls(Command):
    """STARTTLS."""


_STARTTLS: Final = StartTls()


def _line(offer: Offer) -> str | None:
    return "STARTTLS" if offer.tls_available and not offer.tls_on else None


def _read(argument: bytes) -> StartTls:
    expect_nothing(argument)  # section 4: "501 Syntax error (no parameters allowed)"
    return _STARTTLS


STARTTLS: Final = Extension(
    "STARTTLS",
    _line,
    needs_certificate=True,
    verbs=(
        Verb(
            b"STARTTLS",
            _read,
            Rule(
                states=frozenset({State.START, State.READY}),
                otherwise={
                    State.MAIL: replies.BAD_SEQUENCE,
                    State.RCPT: replies.BAD_SEQUENCE,
                },
                after=State.HANDSHAKE,
                synchronizes=True,
            ),
            "STARTTLS",
            ("Protects this connection by TLS. Say EHLO again afterwards.",),
        ),
    ),
)

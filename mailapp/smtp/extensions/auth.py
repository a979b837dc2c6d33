"""AUTH (RFC 4954): the client says who it is, by a SASL mechanism.

The command begins an exchange: challenges go out as 334 replies, and each line that
comes in is a response until a final reply ends the exchange. Who may come in is decided
by :mod:`mailapp.smtp.authorization`; here is what is on the wire.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from mailapp.core import abnf
from mailapp.core.address import parse_address
from mailapp.core.failures import SyntaxProblem
from mailapp.core.lines import LineProblem
from mailapp.sasl import base64
from mailapp.smtp import replies
from mailapp.smtp.extensions.extension import Extension, Offer
from mailapp.smtp.grammar.command import Command
from mailapp.smtp.grammar.parameters import CommandProblem, Fault
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.grammar.xtext import decode_xtext
from mailapp.smtp.states import Rule, State
from mailapp.smtp.verbs import Verb

LINE_LIMIT: Final = 12 * 1024 + 2
"""Octets of a response with its CRLF (RFC 4954, section 4)."""

_NAME: Final = abnf.only(abnf.ALPHA_DIGIT | frozenset(b"-_"))
_NAME_LIMIT: Final = 20  # RFC 4422, section 3.1: sasl-mech = 1*20mech-char
_EMPTY: Final = b"="
_CANCEL: Final = b"*"


@frozen
class Auth(Command):
    """AUTH: an exchange begins.

    Attributes:
        mechanism: in upper case.
        initial: the initial response, after base64; None: there is none.
    """

    mechanism: str
    initial: bytes | None = field(default=None, repr=False)


@frozen
class Response(Command):
    """A line of the client inside an exchange, after base64."""

    octets: bytes = field(repr=False)


def read_response(line: bytes | LineProblem) -> Response:
    """One line of an exchange.

    Raises:
        Broken: the exchange is over; it has the reply.
    """
    if isinstance(line, LineProblem) or len(line) + 2 > LINE_LIMIT:
        raise Broken(replies.RESPONSE_TOO_LONG)
    if line == _CANCEL:
        raise Broken(replies.LOGIN_CANCELLED)
    try:
        return Response(base64.decode(line))
    except SyntaxProblem:
        raise Broken(replies.BAD_BASE64) from None


class Broken(Exception):
    """The client ended an exchange, or broke it.

    Attributes:
        reply: what it is told.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def challenge(octets: bytes) -> Reply:
    """334 and the server's words.

    RFC 4954, section 4: nothing but the base64, and the space stays if that is empty.
    """
    text = base64.encode(octets)
    if not text:
        return _EMPTY_CHALLENGE
    # longer than a reply line may be (RFC 5321, section 4.5.3.1.5), as the extension
    # wants: clients "MUST be able to handle the maximum encoded size of challenges"
    return Reply(334, b"334 " + text + b"\r\n")


_EMPTY_CHALLENGE: Final = Reply(334, b"334 \r\n")


def _line(offer: Offer) -> str | None:
    return f"AUTH {' '.join(offer.mechanisms)}" if offer.mechanisms else None


def _read(argument: bytes) -> Auth:
    """auth-command = "AUTH" SP sasl-mech [SP initial-response] (section 8)."""
    name, space, response = argument.strip(b" ").partition(b" ")
    if not _NAME(name) or len(name) > _NAME_LIMIT:
        reason = "write AUTH and a mechanism"
        raise CommandProblem(Fault.ARGUMENT, reason)
    mechanism = name.decode("ascii").upper()
    if not space:
        return Auth(mechanism)
    if response == _EMPTY:
        return Auth(mechanism, b"")
    try:
        return Auth(mechanism, base64.decode(response))
    except SyntaxProblem as problem:
        raise CommandProblem(Fault.BASE64, problem.reason) from None


def _read_parameter(value: bytes | None) -> None:
    """AUTH= of MAIL: checked and not believed (section 5).

    Only a client that is trusted to speak for others could say by it who first sent a
    message; no client is, so all are treated as if they had said ``AUTH=<>``.
    """
    try:
        if value != b"<>":
            parse_address(decode_xtext(value or b""))
    except SyntaxProblem:
        reason = "AUTH must be an address or <>"
        raise CommandProblem(Fault.ARGUMENT, reason) from None


AUTH: Final = Extension(
    "AUTH",
    _line,
    mail_parameters={b"AUTH": _read_parameter},
    mail_octets=500,  # section 3
    needs_login=True,
    # Section 4 bids clients to keep an initial response out of a command that gets too
    # long by it; smtplib and curl do not look (2026).
    line_octets={b"AUTH": LINE_LIMIT},
    verbs=(
        Verb(
            b"AUTH",
            _read,
            Rule(
                # "not permitted during a mail transaction"
                states=frozenset({State.READY}),
                otherwise={
                    State.START: replies.HELLO_FIRST,
                    State.MAIL: replies.LOGIN_NOT_NOW,
                    State.RCPT: replies.LOGIN_NOT_NOW,
                },
                after=State.AUTH,
            ),
            "AUTH mechanism [initial-response]",
            ("Logs in. EHLO lists the mechanisms.",),
        ),
    ),
)

RESPONSE: Final = Rule(
    states=frozenset({State.AUTH}), after=State.AUTH, synchronizes=True
)
"""Nothing may follow a response before it is answered (threat 6)."""

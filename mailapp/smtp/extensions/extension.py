"""What a service extension is (RFC 5321, section 2.2): a pure value.

To add one: a module with one such value, and a row in
:mod:`mailapp.smtp.extensions.table`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from mailapp.smtp.grammar.parameters import Known, Parameters
from mailapp.smtp.grammar.reply import Reply
from mailapp.smtp.verbs import Verb


@frozen
class Offer:
    """What the EHLO reply depends on.

    Attributes:
        size_octets: of a message at most; 0 is no limit.
        recipients: of a transaction at most.
        transactions: of a session at most; 0 is no limit.
        tls_available: the listener has a certificate.
        tls_on: this connection is protected already.
        verify: VRFY and EXPN tell the truth.
        mechanisms: by which this client may log in now.
        now: seconds since the epoch.
    """

    size_octets: int
    recipients: int
    transactions: int
    tls_available: bool
    tls_on: bool
    verify: bool
    mechanisms: Sequence[str] = ()
    now: float = 0.0


@frozen
class Circumstances:
    """What parameters of MAIL are weighed against.

    Attributes:
        now: seconds since the epoch.
        tls_on: the connection is protected.
        privileged: the client logged in, or may send to other servers anyway.
    """

    now: float
    tls_on: bool
    privileged: bool


@frozen
class Agreed:
    """What becomes of parameters.

    Attributes:
        terms: fields of the envelope that they settle.
        reply: to MAIL, where there is more to say than that the sender is fine.
    """

    terms: Mapping[str, Any]
    reply: Reply | None = None


NO_TERMS: Final[Mapping[str, Any]] = {}
Settle = Callable[[Parameters, Circumstances], Agreed | Reply]
"""All parameters of a MAIL command to what is agreed, or to its refusal."""

_NO_PARAMETERS: Mapping[bytes, Callable[[bytes | None], object]] = {}


@frozen
class Extension:
    """One extension.

    Attributes:
        keyword: as registered with IANA.
        line: keyword and parameters for the EHLO reply; None: not offered now.
        mail_parameters: what it adds to MAIL.
        rcpt_parameters: what it adds to RCPT.
        mail_octets: by how much it lengthens a MAIL line (RFC 5321, section
            4.5.3.1.4).
        rcpt_octets: the same for RCPT.
        explains: what HELP says of each parameter, in one line.
        verbs: commands that it adds.
        line_octets: of command lines, with CRLF, that may be longer than 512.
        settle: weighs its parameters of MAIL; called if one of them is there.
        needs_certificate: only for listeners where TLS can be started.
        needs_login: only for listeners where clients log in.
        needs_queue: only where messages can wait and be sent on.
        needs_release: only where clients can ask for what waits.
        submission: only for listeners where clients must log in.
    """

    keyword: str
    line: Callable[[Offer], str | None]
    mail_parameters: Known = _NO_PARAMETERS
    rcpt_parameters: Known = _NO_PARAMETERS
    mail_octets: int = 0
    rcpt_octets: int = 0
    explains: Mapping[bytes, str] = {}
    verbs: tuple[Verb, ...] = ()
    line_octets: Mapping[bytes, int] = {}
    settle: Settle | None = None
    needs_certificate: bool = False
    needs_login: bool = False
    needs_queue: bool = False
    needs_release: bool = False
    submission: bool = False


def always(keyword: str) -> Callable[[Offer], str | None]:
    """An EHLO line that is the keyword alone."""

    def line(_offer: Offer) -> str | None:
        return keyword

    return line

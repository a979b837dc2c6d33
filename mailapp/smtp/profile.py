"""What one listener is: its name, its limits, its commands and extensions (a value).

The MTA on port 25 is the plain profile. Submission and LMTP are other values of the
same type, not other code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, unique
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from attrs import Factory, field, frozen

from mailapp.core.status import Status
from mailapp.smtp import replies
from mailapp.smtp.dialect import ESMTP, Dialect
from mailapp.smtp.extensions.extension import Extension, Offer, Settle
from mailapp.smtp.extensions.table import EXTENSIONS
from mailapp.smtp.grammar.reply import Reply, make_reply
from mailapp.smtp.intake import ContentLimits, Memory
from mailapp.smtp.release import Release
from mailapp.smtp.verbs import Verb, core_verbs

COMMAND_LIMIT: Final = 512  # octets with CRLF; RFC 5321, section 4.5.3.1.4


@unique
class Login(Enum):
    """Who must say who it is."""

    NONE = "nobody can: there is no AUTH"
    OFFERED = "who wants to"
    REQUIRED = "everybody, before MAIL"


def _at_least_100(_instance: object, _attribute: object, value: int) -> None:
    if value < 100:  # noqa: PLR2004 - RFC 5321, section 4.5.3.1.8
        msg = f"at least 100 recipients must be taken, not {value}"
        raise ValueError(msg)


@frozen
class SessionLimits:
    """What one connection may do at most.

    Attributes:
        recipients: of one transaction; above, 452 4.5.3.
        transactions: of one session; 0 is no limit. Above, 421 4.7.0.
        errors: wrong commands before 421 4.7.0; a message taken sets it back.
        refused_recipients: recipients refused before 421 4.7.0 (threat 19).
        failed_logins: wrong passwords before 421 4.7.0 (threat 39).
        soft_errors: from here on each refusal is delayed.
        delay_seconds: by so much; never for trusted peers.
        command_seconds: for the next command (RFC 5321, section 4.5.3.2.7).
        content_seconds: for the next octets of the content (section 4.5.3.2.5).
        minimum_rate: octets a second of the content that keep the deadline away.
    """

    recipients: int = field(default=1000, validator=_at_least_100)
    transactions: int = 0
    errors: int = 20
    refused_recipients: int = 200
    failed_logins: int = 5
    soft_errors: int = 10
    delay_seconds: float = 1.0
    command_seconds: float = 300.0
    content_seconds: float = 180.0
    minimum_rate: float = 100.0


@frozen
class Profile:
    """A listener.

    Attributes:
        hostname: a domain or address literal: what the server calls itself.
        domain: of an address that was given without one (VRFY, EXPN).
        content: limits of a message.
        limits: limits of a session.
        extensions: rows that this listener has.
        tls_available: STARTTLS can be done.
        verify: VRFY and EXPN tell the truth (RFC 5321, section 7.3, says when not).
        memory: room for the large headers of all its messages under way.
        login: whether clients log in.
        relay_networks: clients there may send to other servers without a login.
        dialect: SMTP or LMTP.
        queue: what can't be delivered now waits, is sent on, and is reported on.
        release: sends what waits for a domain, when it is asked for (ETRN).
    """

    hostname: str
    domain: str = ""
    content: ContentLimits = Factory(ContentLimits)
    limits: SessionLimits = Factory(SessionLimits)
    extensions: tuple[Extension, ...] = EXTENSIONS
    tls_available: bool = False
    verify: bool = False
    memory: Memory = Factory(Memory)
    login: Login = Login.NONE
    relay_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    queue: bool = False
    release: Release | None = None
    dialect: Dialect = ESMTP
    verbs: Mapping[bytes, Verb] = field(
        init=False,
        repr=False,
        default=Factory(
            lambda self: _verbs(self.available, self.dialect), takes_self=True
        ),
    )
    line_limits: Mapping[bytes, int] = field(
        init=False,
        repr=False,
        default=Factory(lambda self: _line_limits(self.available), takes_self=True),
    )

    settlements: Mapping[bytes, Settle] = field(
        init=False,
        repr=False,
        default=Factory(lambda self: _settlements(self.available), takes_self=True),
    )

    @property
    def available(self) -> tuple[Extension, ...]:
        """The extensions that can be offered at all."""
        return tuple(
            extension
            for extension in self.extensions
            if (self.tls_available or not extension.needs_certificate)
            and (self.login is not Login.NONE or not extension.needs_login)
            and (self.queue or not extension.needs_queue)
            and (self.release is not None or not extension.needs_release)
            and (self.login is Login.REQUIRED or not extension.submission)
        )

    def ehlo(
        self, *, tls_on: bool, mechanisms: Sequence[str] = (), now: float = 0.0
    ) -> Reply:
        """The reply to EHLO (RFC 5321, section 4.1.1.1)."""
        offer = Offer(
            self.content.size_octets,
            self.limits.recipients,
            self.limits.transactions,
            self.tls_available,
            tls_on,
            self.verify,
            mechanisms,
            now,
        )
        lines = [extension.line(offer) for extension in self.available]
        return make_reply(250, None, [self.hostname, *filter(None, lines)])

    def helo(self) -> Reply:
        """The reply to HELO."""
        return make_reply(250, None, [self.hostname])

    def closing(self, status: Status) -> Reply:
        """421 with our name in it."""
        return replies.closing(self.hostname, status)

    def line_limit(self, verb: bytes) -> int:
        """Octets of a command line, with its CRLF."""
        return self.line_limits.get(verb, COMMAND_LIMIT)

    @property
    def longest_line(self) -> int:
        """Octets of the longest command line."""
        return max(COMMAND_LIMIT, *self.line_limits.values())

    def help(self, topic: bytes) -> Reply:
        """The reply to HELP (RFC 5321, section 4.1.1.8)."""
        if topic:
            lines = self._explain(topic)
            return make_reply(214, _HELP, lines) if lines else replies.NO_SUCH_TOPIC
        names = [name.decode("ascii") for name in self.verbs]
        rows = [" ".join(names[i : i + 6]) for i in range(0, len(names), 6)]
        return make_reply(
            214, _HELP, ["Commands:", *rows, "HELP and a command explains it."]
        )

    def _explain(self, topic: bytes) -> list[str]:
        """A command and the parameters that it takes, or one of those."""
        available = self.available
        explained = {k: v for e in available for k, v in e.explains.items()}
        verb = self.verbs.get(topic)
        if verb is None:
            return [explained[topic]] if topic in explained else []
        known = {
            b"MAIL": {k for e in available for k in e.mail_parameters},
            b"RCPT": {k for e in available for k in e.rcpt_parameters},
        }
        names = b" ".join(sorted(known.get(topic, ()))).decode("ascii")
        lines = [verb.syntax, *verb.help]
        return [*lines, f"Parameters: {names}"] if names else lines


_HELP: Final = Status(0, 0, "help")


def _verbs(extensions: tuple[Extension, ...], dialect: Dialect) -> Mapping[bytes, Verb]:
    mail = {k: v for e in extensions for k, v in e.mail_parameters.items()}
    rcpt = {k: v for e in extensions for k, v in e.rcpt_parameters.items()}
    verbs = [*core_verbs(mail, rcpt), *(v for e in extensions for v in e.verbs)]
    return {verb.name: verb for verb in dialect.adapt(verbs)}


def _settlements(extensions: tuple[Extension, ...]) -> Mapping[bytes, Settle]:
    """Parameter of MAIL to what weighs it, where it takes more than to read it."""
    return {
        keyword: extension.settle
        for extension in extensions
        if extension.settle is not None
        for keyword in extension.mail_parameters
    }


def _line_limits(extensions: tuple[Extension, ...]) -> Mapping[bytes, int]:
    return {
        b"MAIL": COMMAND_LIMIT + sum(e.mail_octets for e in extensions),
        b"RCPT": COMMAND_LIMIT + sum(e.rcpt_octets for e in extensions),
        **{verb: octets for e in extensions for verb, octets in e.line_octets.items()},
    }

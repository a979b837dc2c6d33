"""Every setting: what it is called, what it may hold, what holds when it is not there.

``mailapp.app.service`` hands each value to the one who uses it. Sizes are octets,
durations seconds. The generated pages are ``etc/mailapp.toml`` and ``docs/config.rst``.
"""

# ruff: noqa: RUF009 - setting() and table() declare fields, as attrs.field does

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from attrs import frozen

from mailapp.config.fetching import Fetch
from mailapp.config.kinds import (
    Choice,
    Duration,
    FileMode,
    FilePath,
    Flag,
    ListOf,
    Network,
    NetworkRange,
    Optional,
    Whole,
)
from mailapp.config.outbound import Queue, Relay, Resolver, Route
from mailapp.config.sections import (
    Auth,
    Imap,
    Limits,
    Log,
    Pop2,
    Pop3,
    Smtp,
    Storage,
    Submission,
    Vintage,
)
from mailapp.config.setting import setting, table, tables
from mailapp.config.texts import ACCOUNT, ADDRESS, DOMAIN, HOST_NAME, LINE
from mailapp.config.units import HOUR


class Protocol(StrEnum):
    """What is spoken on a listener."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"
    POP2 = "pop2"
    POP3 = "pop3"
    IMAP = "imap"


class Security(StrEnum):
    """How a listener is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class Profile(StrEnum):
    """How a listener shows mail."""

    STANDARD = "standard"
    VINTAGE = "vintage"


STANDARD_PORTS: Final = {
    (Protocol.SMTP, Security.NONE): 25,
    (Protocol.SMTP, Security.STARTTLS): 25,
    (Protocol.SMTP, Security.IMPLICIT): 25,
    # RFC 6409, section 3.1; RFC 8314, section 7.3
    (Protocol.SUBMISSION, Security.NONE): 587,
    (Protocol.SUBMISSION, Security.STARTTLS): 587,
    (Protocol.SUBMISSION, Security.IMPLICIT): 465,
    # RFC 2033, section 5 forbids 25; 24 is for "any private mail system"
    (Protocol.LMTP, Security.NONE): 24,
    (Protocol.LMTP, Security.STARTTLS): 24,
    # RFC 937 has no STLS, and no port was ever set aside for POP2 over TLS
    (Protocol.POP2, Security.NONE): 109,
    (Protocol.POP2, Security.IMPLICIT): 109,
    (Protocol.POP3, Security.NONE): 110,
    (Protocol.POP3, Security.STARTTLS): 110,
    (Protocol.POP3, Security.IMPLICIT): 995,
    (Protocol.IMAP, Security.NONE): 143,
    (Protocol.IMAP, Security.STARTTLS): 143,
    (Protocol.IMAP, Security.IMPLICIT): 993,
}


@frozen
class Server:
    """The server as a whole."""

    hostname: str = setting(
        HOST_NAME,
        """The full name of this server. It greets with it and writes it into the
        Received field of every message, so it should be the name that the DNS gives
        for its address.""",
        example="mail.example.org",
    )
    domains: tuple[str, ...] = setting(
        ListOf(DOMAIN, minimum=1),
        """The domains whose mail is delivered here. Mail for any other domain is
        refused. The first one is also the domain of a login name without a domain.""",
        example=("example.org",),
    )
    postmaster: str | None = setting(
        Optional(ACCOUNT),
        """The account that gets the mail for postmaster@ each domain, where no account
        or alias has that name. If it is not set, the oldest account of the domain gets
        it (RFC 5321, section 4.5.1).""",
        default=None,
        example="alice@example.org",
    )
    directory: Path = setting(
        FilePath(),
        """The folder that holds everything the server keeps. A relative path is taken
        from the folder of this file.""",
        default=Path("/var/lib/mailapp"),
    )
    workers: int = setting(
        Whole(0, 256),
        """How many processes serve connections; about one for each core. With 0 one
        process does everything.""",
        default=2,
    )
    pin_workers: bool = setting(
        Flag(),
        """Keep each process to one processor, which saves much of the time its threads
        take to hand over to each other. Switch it off if other programs keep single
        processors busy for long.""",
        default=True,
    )
    user: str = setting(
        LINE,
        """Who the server becomes after it has opened its ports as root. If empty, it
        stays root, which is unwise. Without effect if it was not started as root.""",
        default="mailapp",
    )
    group: str = setting(
        LINE,
        """The group it becomes. If empty, the main group of the user.""",
        default="",
    )
    drain: float = setting(
        Duration(0, HOUR),
        """How long sessions under way may go on when the server stops or reloads.""",
        default=30.0,
    )

    @property
    def accounts(self) -> Path:
        """The database of accounts and aliases."""
        return self.directory / "accounts.sqlite"


@frozen
class Listener:
    """A port that is listened on. Each ``[[listener]]`` is one."""

    protocol: Protocol = setting(
        Choice(Protocol), """What is spoken there.""", example=Protocol.SMTP
    )
    address: str = setting(
        ADDRESS,
        """The address to listen on. "0.0.0.0" is every IPv4 address, "::" every
        address.""",
        default="0.0.0.0",  # noqa: S104 - a mail server serves everybody
    )
    port: int | None = setting(
        Optional(Whole(0, 65535)),
        """The port. If it is not set, the standard one: 25 for smtp, 587 or 465 for
        submission, 110 or 995 for pop3, 143 or 993 for imap, the second of each with
        implicit TLS; 109 for pop2. With 0 the system chooses.""",
        default=None,
        example=25,
    )
    unix: Path | None = setting(
        Optional(FilePath()),
        """A Unix socket to listen on, instead of an address and a port. Clients there
        count as 127.0.0.1.""",
        default=None,
        example=Path("/run/mailapp/smtp.sock"),
    )
    unix_mode: int = setting(
        FileMode(),
        """Who may connect to the Unix socket: its permissions.""",
        default=0o660,
    )
    unix_owner: str = setting(
        LINE,
        """The user who owns the Unix socket. If empty, the one who starts the
        server.""",
        default="",
    )
    unix_group: str = setting(
        LINE,
        """The group of the Unix socket: with the mode above, whose members may
        connect. If empty, the main group of the owner.""",
        default="",
        example="postfix",
    )
    tls: Security = setting(
        Choice(Security),
        """"starttls" offers encryption, "implicit" begins with it, "none" has none.
        The first two need a [[tls.certificate]]. The protocol pop2 can't be "starttls":
        write "implicit", or "none" on loopback.""",
        default=Security.STARTTLS,
    )
    allow_cleartext: bool = setting(
        Flag(),
        """Take passwords without encryption too. For loopback and tests: whoever is on
        the way reads them (RFC 8314, section 3). Beyond loopback only pop2 may have it,
        for machines that know no TLS, and warns at every start; on loopback pop2 does
        not need it.""",
        default=False,
    )
    profile: Profile = setting(
        Choice(Profile),
        """How pop2 and pop3 show mail: "standard" as it is, "vintage" as one short text
        in ASCII for each message, for old machines (docs/vintage.rst).""",
        default=Profile.STANDARD,
    )
    proxy_from: tuple[Network, ...] = setting(
        ListOf(NetworkRange()),
        """The load balancers that begin each connection with a PROXY header, version 1
        or 2. A connection from them without it is closed.""",
        default=(),
    )

    @property
    def port_number(self) -> int:
        """The port, or the standard one."""
        if self.port is not None:
            return self.port
        clear = STANDARD_PORTS[self.protocol, Security.NONE]
        return STANDARD_PORTS.get((self.protocol, self.tls), clear)

    @property
    def name(self) -> str:
        """What logs and messages call it; no two listeners have the same."""
        if self.unix is not None:
            return f"{self.label}:{self.unix}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.label}:{host}:{self.port_number}"

    @property
    def is_private(self) -> bool:
        """Nobody outside this host can be on the way."""
        return self.unix is not None or ip_address(self.address).is_loopback

    @property
    def takes_cleartext(self) -> bool:
        """Passwords are taken without TLS.

        POP2 has no STLS, so on loopback it is used in the clear or not at all.
        """
        if self.allow_cleartext:
            return True
        return (
            self.protocol is Protocol.POP2 and self.is_private and not self.proxy_from
        )

    @property
    def exposes_passwords(self) -> bool:
        """They travel in the clear to other hosts, because the file says so."""
        return (
            self.allow_cleartext
            and self.tls is not Security.IMPLICIT
            and not self.is_private
        )

    @property
    def label(self) -> str:
        """The protocol as its port is called: ``smtp``, ``submissions``, ``pop3s``."""
        return f"{self.protocol}s" if self.tls is Security.IMPLICIT else self.protocol


@frozen
class Certificate:
    """A certificate and its key. Each ``[[tls.certificate]]`` is one.

    The names it is for are read from it; the first one is shown to clients that ask
    for a name that none has.
    """

    chain: Path = setting(
        FilePath(),
        """PEM file with the certificate, then those of its authorities.""",
        example=Path("/etc/mailapp/tls/mail.example.org.pem"),
    )
    key: Path = setting(
        FilePath(),
        """PEM file with the private key. Nobody but its owner may read it
        (chmod 600).""",
        example=Path("/etc/mailapp/tls/mail.example.org.key"),
    )


@frozen
class TLS:
    """Encryption. TLS 1.2 and 1.3 are spoken; files are read again at a reload."""

    client_authority: Path | None = setting(
        Optional(FilePath()),
        """PEM file of the authorities whose client certificates count as a login
        (EXTERNAL). If empty, no client is asked for a certificate.""",
        default=None,
        example=Path("/etc/mailapp/tls/clients-ca.pem"),
    )
    certificates: tuple[Certificate, ...] = tables(Certificate, "certificate")


@frozen
class Configuration:
    """A whole file."""

    server: Server = table(Server)
    listeners: tuple[Listener, ...] = tables(Listener, "listener")
    tls: TLS = table(TLS)
    limits: Limits = table(Limits)
    storage: Storage = table(Storage)
    auth: Auth = table(Auth)
    smtp: Smtp = table(Smtp)
    submission: Submission = table(Submission)
    pop2: Pop2 = table(Pop2)
    pop3: Pop3 = table(Pop3)
    imap: Imap = table(Imap)
    vintage: Vintage = table(Vintage)
    queue: Queue = table(Queue)
    relay: Relay = table(Relay)
    routes: tuple[Route, ...] = tables(Route, "route")
    resolver: Resolver = table(Resolver)
    log: Log = table(Log)
    fetches: tuple[Fetch, ...] = tables(Fetch, "fetch")

    @property
    def mail_root(self) -> Path:
        """The folder of all Maildirs."""
        return self.storage.root or self.server.directory / "mail"

    @property
    def journal_folder(self) -> Path:
        """The folder of the journal."""
        return self.server.directory / "journal"

    @property
    def queue_folder(self) -> Path:
        """The folder of the queue."""
        return self.server.directory / "queue"

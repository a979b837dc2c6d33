"""Every setting: what it is called, what it may hold, what holds when it is not there.

``mailapp.app.service`` hands each value to the one who uses it. Sizes are octets,
durations seconds. The generated pages are ``etc/mailapp.toml`` and ``docs/config.rst``.
"""

# ruff: noqa: RUF009 - setting() and table() declare fields, as attrs.field does

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import frozen

from mailapp.config.kinds import (
    ACCOUNT,
    ADDRESS,
    DOMAIN,
    HOST_NAME,
    LINE,
    SEPARATOR,
    Choice,
    Duration,
    FilePath,
    Flag,
    ListOf,
    Network,
    NetworkRange,
    OneOf,
    Optional,
    Size,
    Whole,
)
from mailapp.config.setting import setting, table, tables
from mailapp.policy.table import CHECKS, DEFAULT_CHECKS

KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30
TIB: Final = 2**40
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0


class Protocol(StrEnum):
    """What is spoken on a listener."""

    SMTP = "smtp"
    POP3 = "pop3"


class Security(StrEnum):
    """How a listener is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class LineEndings(StrEnum):
    """How lines end in the files of the store."""

    CRLF = "crlf"
    LF = "lf"


class LogFormat(StrEnum):
    """How a log line is written."""

    HUMAN = "human"
    JSON = "json"


class LogLevel(StrEnum):
    """The least important events that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Mechanism(StrEnum):
    """SASL mechanisms (RFC 4422)."""

    EXTERNAL = "EXTERNAL"
    SCRAM_SHA_256_PLUS = "SCRAM-SHA-256-PLUS"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    PLAIN = "PLAIN"
    LOGIN = "LOGIN"


STANDARD_PORTS: Final = {
    (Protocol.SMTP, Security.NONE): 25,
    (Protocol.SMTP, Security.STARTTLS): 25,
    (Protocol.SMTP, Security.IMPLICIT): 465,
    (Protocol.POP3, Security.NONE): 110,
    (Protocol.POP3, Security.STARTTLS): 110,
    (Protocol.POP3, Security.IMPLICIT): 995,
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
        """The port. If it is not set, the standard one: 25 or 465 for smtp, 110 or 995
        for pop3, the second of each with implicit TLS. With 0 the system chooses.""",
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
    tls: Security = setting(
        Choice(Security),
        """"starttls" offers encryption, "implicit" begins with it, "none" has none.
        The first two need a [[tls.certificate]].""",
        default=Security.STARTTLS,
    )
    allow_cleartext: bool = setting(
        Flag(),
        """Take passwords without encryption too. For loopback and tests: whoever is on
        the way reads them (RFC 8314, section 3).""",
        default=False,
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
        return STANDARD_PORTS[self.protocol, self.tls]

    @property
    def name(self) -> str:
        """What logs and messages call it; no two listeners have the same."""
        if self.unix is not None:
            return f"{self.label}:{self.unix}"
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.label}:{host}:{self.port_number}"

    @property
    def label(self) -> str:
        """The protocol as its port is called: ``smtp``, ``smtps`` or ``pop3s``."""
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
class Limits:
    """What a client may cost."""

    trusted: tuple[Network, ...] = setting(
        ListOf(NetworkRange()),
        """Networks that are never throttled, delayed or refused for their number of
        connections. They may not relay either.""",
        default=(),
    )
    connections: int = setting(
        Whole(1, 1_000_000), """Connections at once, in each process.""", default=10_000
    )
    connections_per_address: int = setting(
        Whole(1, 1_000_000),
        """Connections at once from one IPv4 address or one IPv6 /64.""",
        default=100,
    )
    connections_per_minute: int = setting(
        Whole(1, 1_000_000),
        """New connections a minute from one IPv4 address or one IPv6 /64.""",
        default=600,
    )
    message_size: int = setting(
        Size(64 * KIB, 4 * GIB),
        """The largest message that is taken (RFC 1870).""",
        default=35 * MIB,
    )
    header_size: int = setting(
        Size(4 * KIB, 64 * MIB),
        """The largest header of a message that is taken.""",
        default=MIB,
    )
    received_fields: int = setting(
        Whole(10, 1000),
        """A message with more Received fields is going round in a loop and is refused
        (RFC 5321, section 6.3).""",
        default=100,
    )
    recipients: int = setting(
        Whole(100, 100_000),
        """Recipients of one message (RFC 5321, section 4.5.3.1.8: at least 100).""",
        default=1000,
    )
    bad_commands: int = setting(
        Whole(1, 1000),
        """Wrong commands in a row after which a session is closed.""",
        default=20,
    )


@frozen
class Storage:
    """Where mail is kept."""

    root: Path | None = setting(
        Optional(FilePath()),
        """The folder of all Maildirs, as <root>/<domain>/<user>. If empty, the folder
        "mail" in server.directory.""",
        default=None,
        example=Path("/srv/mail"),
    )
    line_endings: LineEndings = setting(
        Choice(LineEndings),
        """How lines end in the files. "crlf" keeps messages as they travel and is
        faster; "lf" suits tools that expect Unix text.""",
        default=LineEndings.CRLF,
    )
    quota: int = setting(
        Size(0, 1024 * TIB),
        """What a new account may hold, unless "mailapp user add --quota" says
        otherwise. "0 B" is no limit.""",
        default=0,
    )
    write_threads: int = setting(
        Whole(1, 64),
        """How many messages one process writes to disk at the same time.""",
        default=12,
    )


@frozen
class Auth:
    """Logins."""

    mechanisms: tuple[Mechanism, ...] = setting(
        ListOf(Choice(Mechanism)),
        """The ways to log in (SASL, RFC 4422). PLAIN and LOGIN are offered only on an
        encrypted connection, EXTERNAL only to clients with a certificate of
        tls.client-authority.""",
        default=tuple(Mechanism),
    )
    argon2_memory: int = setting(
        Size(8 * KIB, 256 * MIB),
        """Memory that one password check takes. More makes a stolen database harder to
        read. Existing passwords keep theirs until they are set again.""",
        default=19 * MIB,
    )
    argon2_passes: int = setting(
        Whole(1, 16),
        """How often a password check goes over that memory.""",
        default=2,
    )


@frozen
class Smtp:
    """Receiving mail."""

    verify: bool = setting(
        Flag(),
        """Let VRFY and EXPN tell which mailboxes exist. Else VRFY answers 252 for every
        address and EXPN is refused (RFC 5321, section 7.3).""",
        default=False,
    )
    separator: str | None = setting(
        Optional(SEPARATOR),
        """Mail for user+anything goes to user. Empty switches this off.""",
        default="+",
    )
    detail_folders: bool = setting(
        Flag(),
        """Put mail for user+name into the mailbox "name" of the user, if there is one.
        Else it goes to INBOX, as all other mail.""",
        default=False,
    )
    command_timeout: float = setting(
        Duration(MINUTE, DAY),
        """How long a client may take for its next command. RFC 5321, section 4.5.3.2.7
        wants at least 5 minutes.""",
        default=5 * MINUTE,
    )
    content_timeout: float = setting(
        Duration(MINUTE, DAY),
        """How long a client may be silent in the middle of a message (RFC 5321,
        section 4.5.3.2.5).""",
        default=3 * MINUTE,
    )
    checks: tuple[str, ...] = setting(
        ListOf(OneOf(tuple(CHECKS))),
        "What is refused. "
        + " ".join(f"{row.name}: {row.refuses}." for row in CHECKS.values()),
        default=DEFAULT_CHECKS,
    )


@frozen
class Pop3:
    """Fetching mail with POP3."""

    apop: bool = setting(
        Flag(),
        """Offer APOP (RFC 1939, section 7), which needs passwords that can be read back
        and the broken hash MD5. Works only for accounts that were told so.""",
        default=False,
    )
    timeout: float = setting(
        Duration(10 * MINUTE, DAY),
        """How long a client may be silent. RFC 1939, section 3 wants at least 10
        minutes.""",
        default=10 * MINUTE,
    )


@frozen
class Log:
    """What the server writes to its standard error, one event a line."""

    format: LogFormat = setting(
        Choice(LogFormat),
        """"human" for people, "json" for programs.""",
        default=LogFormat.HUMAN,
    )
    level: LogLevel = setting(
        Choice(LogLevel),
        """The least important events that are written.""",
        default=LogLevel.INFO,
    )


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
    pop3: Pop3 = table(Pop3)
    log: Log = table(Log)

    @property
    def mail_root(self) -> Path:
        """The folder of all Maildirs."""
        return self.storage.root or self.server.directory / "mail"

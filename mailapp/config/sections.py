"""Limits, storage, logins, protocols and the log: a class for each table."""

# ruff: noqa: RUF009 - setting() declares fields, as attrs.field does

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import frozen

from mailapp.config.kinds import (
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
from mailapp.config.setting import setting
from mailapp.config.texts import ACCOUNT, SEPARATOR
from mailapp.config.units import DAY, GIB, HOUR, KIB, MIB, MINUTE
from mailapp.imap.capabilities import SWITCHES
from mailapp.policy.table import CHECKS, DEFAULT_CHECKS
from mailapp.pop3.languages.table import LANGUAGES


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
    CRAM_MD5 = "CRAM-MD5"


_MECHANISMS: Final = tuple(m for m in Mechanism if m is not Mechanism.CRAM_MD5)
_MANY: Final = 10_000_000


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
    line_length: int | None = setting(
        Optional(Whole(1000, GIB)),
        """Octets of a line of a message, with its CRLF: one with a longer line is
        refused (RFC 5321, section 4.5.3.1.6). If empty, lines have any length; what
        then leaves with a long line is encoded for servers without BINARYMIME.""",
        default=1000,
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
        tls.client-authority. CRAM-MD5 needs passwords that can be read back and works
        only for accounts that were told so (mailapp user apop).""",
        default=_MECHANISMS,
    )
    # The second choice of OWASP's list, and not that of RFC 9106, section 4: one check
    # must not take 64 MiB and 100 ms, as a mail server sees logins all day.
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
    # as Dovecot's auth_cache_ttl: phones and their like come back every few minutes
    remember_logins: float = setting(
        Duration(0.0, DAY),
        """How long a password that was found good is remembered, as a keyed digest in
        memory, so that a client that comes back is let in without that check. Any
        change of the account ends it. "0 s" checks every login in full.""",
        default=HOUR,
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
    strict_8bit: bool = setting(
        Flag(),
        """Refuse messages with octets above 127 unless the client announced them with
        BODY=8BITMIME (RFC 6152). If false, they are taken, and sent on as what they
        are.""",
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
    relay_networks: tuple[Network, ...] = setting(
        ListOf(NetworkRange()),
        """Networks whose hosts may send to any other server through this one, without a
        login: printers, applications. Everybody else may not (RFC 2505, section
        2.1).""",
        default=(),
    )
    checks: tuple[str, ...] = setting(
        ListOf(OneOf(tuple(CHECKS))),
        "What is refused. "
        + " ".join(f"{row.name}: {row.refuses}." for row in CHECKS.values()),
        default=DEFAULT_CHECKS,
    )


@frozen
class Submission:
    """Taking mail from our own users, who log in (RFC 6409)."""

    sender_check: bool = setting(
        Flag(),
        """Accept only addresses of the user's own as sender, From and Sender: the
        account's, with any +detail, and the aliases that lead to it alone.""",
        default=True,
    )
    send_as_anybody: tuple[str, ...] = setting(
        ListOf(ACCOUNT),
        """Accounts that sender-check is not for.""",
        default=(),
    )
    messages_per_hour: int = setting(
        Whole(0, _MANY),
        """Messages that one account may send in an hour; 0 is no limit.""",
        default=500,
    )
    messages_per_day: int = setting(
        Whole(0, _MANY),
        """Messages that one account may send in 24 hours; 0 is no limit.""",
        default=2000,
    )
    recipients_per_hour: int = setting(
        Whole(0, _MANY),
        """Recipients that one account may write to in an hour, each message counted; 0
        is no limit.""",
        default=2000,
    )
    recipients_per_day: int = setting(
        Whole(0, _MANY),
        """The same for 24 hours.""",
        default=5000,
    )


@frozen
class Pop2:
    """Fetching mail with POP2 (RFC 937), for old machines. Off without a listener."""

    timeout: float = setting(
        Duration(MINUTE, DAY),
        """How long a client may be silent. RFC 937, page 11, leaves it open.""",
        default=5 * MINUTE,
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
    language: str = setting(
        OneOf(tuple(LANGUAGES)),
        """The language for clients that leave the choice to the server (LANG "*",
        RFC 6856, section 3.2). Those that do not ask get English.""",
        default="en",
    )
    folders: bool = setting(
        Flag(),
        """Let clients log in to other mailboxes than INBOX, as "alice/Archive".""",
        default=False,
    )
    leave_on_server: bool = setting(
        Flag(),
        """Keep messages until a client deletes them. If false, a message that was
        retrieved is removed when its session ends with QUIT, and clients are told so
        (EXPIRE 0; RFC 2449, section 6.7).""",
        default=True,
    )
    login_delay: float = setting(
        Duration(0.0, HOUR),
        """How soon an account may log in again (LOGIN-DELAY; RFC 2449, section 6.5).
        "0 s" is at any time.""",
        default=0.0,
    )


@frozen
class Imap:
    """Reading mail with IMAP."""

    timeout: float = setting(
        Duration(30 * MINUTE, DAY),
        """How long a client may be silent, also in IDLE. RFC 9051, section 5.4 wants at
        least 30 minutes.""",
        default=31 * MINUTE,
    )
    separator: str = setting(
        OneOf(("/", ".")),
        """What stands between the levels of mailbox names. No level can hold it, so
        change it only while no mailbox does.""",
        default="/",
    )
    off: tuple[str, ...] = setting(
        ListOf(OneOf(SWITCHES)),
        """Extensions that are not offered, for clients that can't cope with one. What
        can't be had without them is not offered either: IMAP4rev2 needs all that RFC
        9051 took in, QRESYNC needs CONDSTORE, and so on. Commands of such an extension
        are unknown then; what it adds to other commands is only not announced.""",
        default=(),
    )


@frozen
class Vintage:
    """Mail as a listener with profile "vintage" shows it."""

    message_size: int = setting(
        Size(KIB, 8 * MIB),
        """The largest message; a longer text is cut with a note. Many programs of old
        machines open no more than 32 KiB.""",
        default=32 * KIB,
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
    journal_keep: float = setting(
        Duration(0, 20 * 366 * DAY),
        """How long the journal is kept, from which "mailapp why" tells what happened to
        a message. It lies in the folder "journal" of server.directory and holds
        addresses, ids and replies, no mail. 0 keeps it for ever.""",
        default=90 * DAY,
    )

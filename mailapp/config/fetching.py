"""Accounts elsewhere whose mail is fetched: the ``[[fetch]]`` tables."""

# ruff: noqa: RUF009 - setting() declares fields, as attrs.field does

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from attrs import frozen

from mailapp.config.kinds import (
    Choice,
    Duration,
    FilePath,
    Flag,
    Optional,
    Size,
    Text,
    Whole,
)
from mailapp.config.setting import setting
from mailapp.config.texts import ACCOUNT, LINE
from mailapp.config.units import DAY, GIB, KIB, MIB, MINUTE
from mailapp.core.address import canonical_domain
from mailapp.fetch.types import Login, Protection, Speech

PORTS: Final = {
    (Speech.POP2, Protection.NONE): 109,
    (Speech.POP2, Protection.IMPLICIT): 109,
    (Speech.POP3, Protection.NONE): 110,
    (Speech.POP3, Protection.STARTTLS): 110,
    (Speech.POP3, Protection.IMPLICIT): 995,
}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError(text)
    return text


def _host(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return canonical_domain(text)


NAME: Final = Text(
    'a name such as "old-account"',
    _name,
    "Write up to 40 letters, digits, hyphens, dots and underscores.",
)
HOST: Final = Text(
    'a host name or an IP address such as "pop.example.net"',
    _host,
    "Write the name or the address of the server, without a port.",
)


@frozen
class Fetch:
    """An account elsewhere whose mail is fetched. Each ``[[fetch]]`` is one.

    ``docs/fetch.rst`` tells more.
    """

    name: str = setting(
        NAME,
        """What logs, messages and ``mailapp fetch NAME`` call it.""",
        example="old-account",
    )
    protocol: Speech = setting(
        Choice(Speech), """What the server speaks.""", default=Speech.POP3
    )
    host: str = setting(HOST, """The server.""", example="pop.example.net")
    port: int | None = setting(
        Optional(Whole(1, 65535)),
        """Its port. If it is not set, the standard one: 110 for pop3, 995 with implicit
        TLS; 109 for pop2.""",
        default=None,
        example=995,
    )
    tls: Protection = setting(
        Choice(Protection),
        """"implicit" begins with encryption, "starttls" asks for it with STLS and sends
        nothing without it, "none" has none. The protocol pop2 can't be "starttls".""",
        default=Protection.IMPLICIT,
    )
    verify: bool = setting(
        Flag(),
        """Speak only to a server that proves its name with a certificate. Without it
        anybody on the way can read the password.""",
        default=True,
    )
    authority: Path | None = setting(
        Optional(FilePath()),
        """PEM file of the authorities that are trusted for it. If empty, those of the
        system.""",
        default=None,
        example=Path("/etc/mailapp/tls/their-ca.pem"),
    )
    allow_cleartext: bool = setting(
        Flag(),
        """Send the password without encryption to another host, where tls is "none":
        whoever is on the way reads it (RFC 8314, section 3).""",
        default=False,
    )
    user: str = setting(
        LINE, """Whose mail it is, by the name there.""", example="alice"
    )
    password_file: Path = setting(
        FilePath(),
        """A file whose first line is the password. Nobody but the server's user may
        read it (chmod 600). It is read again at each run.""",
        example=Path("/etc/mailapp/fetch/old-account"),
    )
    login: Login = setting(
        Choice(Login),
        """How to log in to pop3. "auto" takes the best that is offered of "scram"
        (SCRAM-SHA-256), "plain" and "user"; "apop", which is broken, has to be asked
        for.""",
        default=Login.AUTO,
    )
    mailbox: str = setting(
        LINE,
        """With pop2: which mailbox there. If empty, the one that the login selects.""",
        default="",
    )
    into: str = setting(
        ACCOUNT, """The account here that gets the mail.""", example="alice@example.org"
    )
    folder: str = setting(
        LINE,
        """The mailbox of that account, one at the top. It is made if it is not there.
        If empty, INBOX.""",
        default="",
        example="Old mail",
    )
    every: float = setting(
        Duration(0.0, 7 * DAY),
        """How often to look. With "0 s" only ``mailapp fetch`` does. After a failure it
        takes longer and longer, up to 4 hours.""",
        default=10 * MINUTE,
    )
    keep: bool = setting(
        Flag(),
        """Leave the messages on the server. If false, a message is deleted there once
        it is safe here.""",
        default=False,
    )
    keep_days: int = setting(
        Whole(0, 3650),
        """With keep: delete what was fetched so many days ago. 0 is never.""",
        default=0,
    )
    message_size: int = setting(
        Size(64 * KIB, 4 * GIB),
        """The largest message that is fetched; a larger one stays there.""",
        default=35 * MIB,
    )
    messages: int = setting(
        Whole(0, 1_000_000),
        """How many messages one run fetches at most. 0 is all of them.""",
        default=0,
    )
    timeout: float = setting(
        Duration(5.0, MINUTE * 30),
        """How long the server may be silent, or send next to nothing.""",
        default=2 * MINUTE,
    )

    @property
    def port_number(self) -> int:
        """The port, or the standard one."""
        if self.port is not None:
            return self.port
        return PORTS.get((self.protocol, self.tls), 110)

    @property
    def is_private(self) -> bool:
        """The server is on this host."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

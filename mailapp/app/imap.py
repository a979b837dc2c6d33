"""What IMAP listeners are served with, from the configuration."""

from __future__ import annotations

import time
from itertools import count
from secrets import token_hex
from typing import Final

from twisted.internet.interfaces import IReactorTime

from mailapp.auth.assemble import Authentication
from mailapp.auth.interfaces import IMailboxAvatar
from mailapp.config.schema import Configuration, Listener, Security
from mailapp.imap.capabilities import offered
from mailapp.imap.commands.service import Service
from mailapp.imap.limits import Limits
from mailapp.imap.protocol import REFUSAL, compose_imap
from mailapp.net.surroundings import Compose
from mailapp.net.threads import InThread

__all__ = ["ALPN", "REFUSAL", "compose"]

ALPN: Final = (b"imap",)


def compose(
    configuration: Configuration,
    listener: Listener,
    authentication: Authentication,
    clock: IReactorTime,
    in_thread: InThread,
) -> Compose:
    """What serves a connection.

    Args:
        configuration: all of it.
        listener: the one that it came to.
        authentication: lets clients in.
        clock: for intervals.
        in_thread: for work that takes long.
    """
    imap = configuration.imap
    size = configuration.limits.message_size
    authenticator = authentication.authenticator(
        IMailboxAvatar,
        allow_cleartext=listener.allow_cleartext,
        mechanisms=[str(m) for m in configuration.auth.mechanisms],
    )
    process, tokens = token_hex(8).encode(), count()
    service = Service(
        authenticator,
        clock,
        time.time,
        lambda: b"%b.%d" % (process, next(tokens)),
        in_thread,
        configuration.server.hostname,
        offered(imap.off, size),
        separator=imap.separator,
        tls_available=listener.tls is Security.STARTTLS,
        append_octets=size,
    )
    return compose_imap(service, Limits(idle_seconds=imap.timeout, message_octets=size))

"""What all IMAP sessions of a listener share."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from mailapp.auth.interfaces import IAuthenticator
from mailapp.imap.capabilities import Offer
from mailapp.net.threads import InThread


@frozen
class Service:
    """What all IMAP sessions of a listener share.

    Attributes:
        authenticator: gives avatars that provide IMailboxAvatar.
        clock: for intervals.
        now: seconds since the epoch.
        token: octets of ``A-Za-z0-9``, new at each call: request ids of commits.
        in_thread: runs what takes long.
        host_name: as in the greeting.
        offer: which capabilities there are.
        separator: of the levels of mailbox names, ``/`` or ``.``.
        tls_available: STARTTLS is offered on clear connections.
        append_octets: the largest message that APPEND takes (RFC 7889).
    """

    authenticator: IAuthenticator
    clock: IReactorTime
    now: Callable[[], float]
    token: Callable[[], bytes]
    in_thread: InThread
    host_name: str
    offer: Offer
    separator: str = "/"
    tls_available: bool = True
    append_octets: int = 50 * 1024 * 1024

"""What all POP3 sessions of a listener share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen

from mailapp.auth.interfaces import IAuthenticator
from mailapp.net.threads import InThread, inline
from mailapp.pop3.capa import Stay
from mailapp.pop3.languages.table import ENGLISH, Language
from mailapp.pop3.surrogate import View
from mailapp.pop3.visits import Visits
from mailapp.storage.maildrop import Clock


@frozen
class Service:
    """What all POP3 sessions of a listener share.

    Attributes:
        authenticator: gives avatars that provide IMaildropAvatar.
        clock: for leases and the log.
        token: random octets of ``A-Za-z0-9``, new at each call: request ids and APOP
            timestamps.
        host_name: as in the greeting; the right side of the APOP timestamp.
        tls_available: STLS is offered on clear connections.
        lease_seconds: how long a maildrop stays locked for a dead process; longer
            than the idle time-out of 10 minutes.
        pause: waits so many seconds; None: a maildrop in use is refused at once.
        patience_seconds: how long a login waits for a maildrop in use: two clients
            that poll at the same moment need not see an error.
        language: what ``LANG *`` gives (RFC 6856, section 3.2).
        downgrade: makes the surrogate of a message in UTF-8; None: such messages are
            refused with [UTF8] to clients that did not ask for UTF8.
        in_thread: where surrogates are made.
        leave_on_server: false: QUIT also removes what was retrieved.
        visits: enforces LOGIN-DELAY; None: there is none.
    """

    authenticator: IAuthenticator
    clock: Clock
    token: Callable[[], bytes]
    host_name: str
    tls_available: bool = True
    lease_seconds: float = 720.0
    pause: Callable[[float], Awaitable[object]] | None = None
    patience_seconds: float = 5.0
    language: Language = ENGLISH
    downgrade: Callable[[bytes], bytes] | None = None
    in_thread: InThread = inline
    leave_on_server: bool = True
    visits: Visits | None = None

    @property
    def stay(self) -> Stay:
        """What CAPA says of it."""
        delay = self.visits.delay_seconds if self.visits else 0
        return Stay(self.leave_on_server, delay)

    def view(self) -> View:
        """How a new session sees messages."""
        function = self.downgrade
        if function is None:
            return View()
        return View(lambda octets: self.in_thread(function, octets))

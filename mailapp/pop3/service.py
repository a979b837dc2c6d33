"""What all POP3 sessions of a listener share."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from mailapp.auth.interfaces import IAuthenticator
from mailapp.core.peer import Peer
from mailapp.net.threads import InThread, inline
from mailapp.pop.locking import Terms
from mailapp.pop3 import replies
from mailapp.pop3.capa import Stay, capabilities
from mailapp.pop3.languages import table
from mailapp.pop3.languages.table import ENGLISH, Language
from mailapp.pop3.replies import Answer, Block
from mailapp.pop3.surrogate import View
from mailapp.pop3.visits import Visits
from mailapp.storage.types import AccountId


@frozen
class Service:
    """What all POP3 sessions of a listener share.

    Attributes:
        authenticator: gives avatars that provide IMaildropAvatar.
        terms: on which maildrops are held.
        token: random octets of ``A-Za-z0-9``, new at each call: request ids and APOP
            timestamps.
        host_name: as in the greeting; the right side of the APOP timestamp.
        tls_available: STLS is offered on clear connections.
        language: what ``LANG *`` gives (RFC 6856, section 3.2).
        downgrade: makes the surrogate of a message in UTF-8; None: such messages are
            refused with [UTF8] to clients that did not ask for UTF8.
        in_thread: where surrogates are made.
        leave_on_server: false: QUIT also removes what was retrieved.
        visits: enforces LOGIN-DELAY; None: there is none.
    """

    authenticator: IAuthenticator
    terms: Terms
    token: Callable[[], bytes]
    host_name: str
    tls_available: bool = True
    language: Language = ENGLISH
    downgrade: Callable[[bytes], bytes] | None = None
    in_thread: InThread = inline
    leave_on_server: bool = True
    visits: Visits | None = None

    def capabilities(self, peer: Peer, *, logged_in: bool) -> Block:
        """The answer to CAPA."""
        delay_seconds = self.visits.delay_seconds if self.visits else 0
        lines = capabilities(
            password_allowed=self.authenticator.password_allowed(peer),
            mechanisms=self.authenticator.mechanisms(peer),
            tls_permitted=self.tls_available and peer.tls is None,
            logged_in=logged_in,
            stay=Stay(self.leave_on_server, delay_seconds),
        )
        return Block(replies.CAPABILITIES, lines)

    def speak(self, language_range: str | None) -> Answer:
        """The answer to LANG."""
        if language_range is None:
            return Block(replies.LANGUAGES, table.listing())
        if language_range == "*":
            return replies.speaks(self.language)
        language = table.find(language_range)
        return replies.speaks(language) if language else replies.NO_LANGUAGE

    def too_soon(self, account: AccountId) -> bool:
        """Was it here a moment ago (LOGIN-DELAY)?"""
        return self.visits is not None and self.visits.too_soon(account)

    def came(self, account: AccountId) -> None:
        """It has its maildrop now."""
        if self.visits is not None:
            self.visits.came(account)

    def view(self) -> View:
        """How a new session sees messages."""
        function = self.downgrade
        if function is None:
            return View()
        return View(lambda octets: self.in_thread(function, octets))

"""The seam between protocols and twisted.cred: who offers what, and who got in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

from attrs import frozen
from zope.interface import Attribute, Interface

from mailapp.core.peer import Peer
from mailapp.core.secret import Secret
from mailapp.storage.interfaces import IAccount
from mailapp.storage.types import AccountId


class IAccountAvatar(Interface):
    """An account that somebody is logged in to."""

    account_id: AccountId = Attribute("Whose it is.")

    def still_valid() -> Awaitable[bool]:
        """Is the account still there and enabled? Costs microseconds.

        A session asks before each command and at least each 60 seconds, and closes
        when the answer is no.
        """


class IMailboxAvatar(IAccountAvatar):
    """May read and write the account's mailboxes (IMAP)."""

    def open() -> Awaitable[IAccount]:
        """The account's storage.

        Raises:
            StoreError: not now.
        """


class IMaildropAvatar(IAccountAvatar):
    """May take the account's maildrop, one session at a time (POP2, POP3)."""

    def open() -> Awaitable[IAccount]:
        """The account's storage; :mod:`mailapp.storage.maildrop` locks it.

        Raises:
            StoreError: not now.
        """


class ISubmitterAvatar(IAccountAvatar):
    """May send mail as these addresses (submission)."""

    def may_send_as(address: str) -> Awaitable[bool]:
        """Is it one of the account's own addresses?"""


@frozen
class LoggedIn:
    """The login succeeded.

    Attributes:
        avatar: provides the interface that was asked for.
        logout: to be called once, when the session ends.
        folder: the mailbox that the login name asked for, level by level; none: INBOX.
    """

    avatar: IAccountAvatar
    logout: Callable[[], None]
    folder: tuple[str, ...] = ()


@frozen
class Challenge:
    """The server's next words in a SASL exchange, before base64."""

    octets: bytes


class Refusal(Enum):
    """Why nobody got in. The text of the reply must not tell more."""

    CREDENTIALS = "invalid credentials"  # unknown user, wrong password, disabled
    THROTTLED = "too many failures, try again later"
    UNAVAILABLE = "authentication is not available now, try again later"
    CLEARTEXT = "encryption is required first"
    MECHANISM = "mechanism not available"
    SYNTAX = "malformed response"
    CANCELLED = "cancelled"


@frozen
class Refused:
    """The login failed; any delay that is due has already passed."""

    reason: Refusal


class IExchange(Interface):
    """One SASL exchange (RFC 4422, section 3)."""

    def respond(response: bytes | None) -> Awaitable[Challenge | LoggedIn | Refused]:
        """The client's response, after base64. None: there was no initial response."""


class IAuthenticator(Interface):
    """Logins for one kind of avatar, on behalf of a protocol's sessions."""

    def mechanisms(peer: Peer) -> Sequence[str]:
        """SASL mechanisms to announce to this peer, best first; empty in the clear."""

    def password_allowed(peer: Peer) -> bool:
        """May this peer send a password (USER, LOGIN, HELO) on this connection?"""

    def login(
        name: bytes, password: Secret, peer: Peer
    ) -> Awaitable[LoggedIn | Refused]:
        """A name and a password outside SASL. Nothing is evaluated in the clear."""

    def exchange(mechanism: str, peer: Peer) -> IExchange | Refused:
        """Begin a SASL exchange."""

    def apop_allowed(peer: Peer) -> bool:
        """May this peer use APOP? If not, the greeting must hold no timestamp."""

    def apop(
        name: bytes, digest: bytes, timestamp: bytes, peer: Peer
    ) -> Awaitable[LoggedIn | Refused]:
        """APOP (RFC 1939, section 7).

        Args:
            digest: as the client sent it, 32 hexadecimal digits.
            timestamp: that of the greeting, with its angle brackets.
            peer: the client.
        """

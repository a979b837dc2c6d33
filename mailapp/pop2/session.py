"""POP2 decisions: who comes in, and which mailbox is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from mailapp.auth.interfaces import IAuthenticator, LoggedIn, Refusal
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.net.steps import undisturbed
from mailapp.pop.locking import Denied, Terms, unlock
from mailapp.pop.session import Login, PopSession
from mailapp.pop2 import mailboxes, replies
from mailapp.pop2.commands import Counts, Selected
from mailapp.pop2.connection import Event, Garbage, Opened
from mailapp.pop2.grammar import Fold, Helo, Quit
from mailapp.pop2.replies import Answer, Reply
from mailapp.pop2.snapshot import NoRoom, Showing
from mailapp.storage.maildrop import Maildrop
from mailapp.storage.types import INBOX_ID, Fenced, FolderId, NoSuch, StoreError

REFUSALS: Final = {
    Refusal.CREDENTIALS: replies.BAD_CREDENTIALS,
    Refusal.THROTTLED: replies.THROTTLED,
    Refusal.UNAVAILABLE: replies.AUTH_UNAVAILABLE,
    Refusal.CLEARTEXT: replies.PRIVACY_FIRST,
    # of SASL, which POP2 has not
    Refusal.MECHANISM: replies.BAD_CREDENTIALS,
    Refusal.SYNTAX: replies.BAD_CREDENTIALS,
    Refusal.CANCELLED: replies.BAD_CREDENTIALS,
}


@frozen
class Service:
    """What all POP2 sessions of a listener share.

    Attributes:
        authenticator: gives avatars that provide IMaildropAvatar.
        terms: on which mailboxes are held.
        token: random octets of ``A-Za-z0-9``, new at each call: request ids.
        host_name: as in the greeting.
        showing: how messages are shown.
    """

    authenticator: IAuthenticator
    terms: Terms
    token: Callable[[], bytes]
    host_name: str
    showing: Showing


DENIALS: Final = {Denied.IN_USE: replies.IN_USE, Denied.GONE: replies.LOCK_LOST}


class Pop2Session(PopSession):
    """See :class:`mailapp.core.connection.Session`.

    Args:
        peer: the client.
        service: what it is served with.
    """

    protocol = "pop2"

    def __init__(self, peer: Peer, service: Service) -> None:
        super().__init__(peer, service.terms)
        self._service: Final = service
        self._counts: Final = Counts()
        self._selected = self._select(None)

    async def respond(self, event: Event) -> Answer:
        """The answer to one event; whatever goes wrong ends the connection."""
        try:
            if self._login is not None:
                return await self._serve(event, self._login)
            return await self._admit(event)
        except Fenced:
            return replies.LOCK_LOST
        except NoRoom:
            return replies.NO_ROOM
        except (StoreError, DeliveryFailure):
            return replies.STORE_TROUBLE
        except Exception:
            self._bug(event)
            return replies.FAILED

    def tls_started(self, tls: TLS) -> None:
        """There is no STARTTLS in POP2."""
        del tls
        msg = "TLS in the middle of POP2"
        raise RuntimeError(msg)

    def _counted(self) -> Mapping[str, int]:
        counts = self._counts
        return {
            "retrieved": counts.retrieved,
            "removed": counts.removed,
            "size_octets": counts.octets,
        }

    # ---- before the login

    async def _admit(self, event: Event) -> Answer:
        match event:
            case Opened():
                return replies.greeting(self._service.host_name)
            case Helo():
                return await self._helo(event)
            case Quit():
                return replies.BYE
            case Garbage():
                return event.reply
            case _:
                # the table lets nothing else come before the login
                raise AssertionError(event)

    async def _helo(self, command: Helo) -> Reply:
        result = await self._service.authenticator.login(
            command.user, command.password, self.peer
        )
        if isinstance(result, LoggedIn):
            # not to be broken off when the client goes: a lock would stay behind
            return await undisturbed(self._enter(result))
        self._refused(result.reason.name, "HELO")
        return REFUSALS[result.reason]

    async def _enter(self, result: LoggedIn) -> Reply:
        """RFC 937, page 7: HELO selects the default mailbox."""
        entered = False
        login = Login.of(result)
        try:
            reply = await self._open(login, INBOX_ID)
            entered = self._selected.drop is not None
        finally:
            if not entered:
                login.logout()
        if entered:
            self._entered(login, "HELO")
        return reply

    # ---- after it

    async def _serve(self, event: Event, login: Login) -> Answer:
        if not await login.avatar.still_valid():
            return replies.ACCOUNT_GONE
        if self._selected.drop is not None:
            await self._selected.drop.keep()
        match event:
            case Garbage():
                return event.reply
            case Fold():
                return await undisturbed(self._fold(event.mailbox, login))
            case Quit():
                return await undisturbed(self._quit(login))
            case Helo() | Opened():
                # the table lets none of these come after the login
                raise AssertionError(event)
            case _:
                return await self._selected.perform(event)

    async def _fold(self, mailbox: bytes, login: Login) -> Reply:
        self._login = None  # a client that goes now does not unlock it under our hands
        try:
            return await self._change(mailbox, login)
        finally:
            if self._closed:
                await self._leave(login)
            else:
                self._login = login

    async def _change(self, mailbox: bytes, login: Login) -> Reply:
        """RFC 937, page 9: the mailbox of before is released, its marks take effect."""
        if not await self._update():
            return replies.NOT_REMOVED
        await self._release()
        folder: FolderId | None = INBOX_ID
        if not mailboxes.is_inbox(mailbox):
            account = await login.avatar.open()
            folder = mailboxes.find(mailbox, await account.folders())
        if folder is None:
            # page 7: one that "does not exist" has no messages
            return replies.count(0)
        try:
            return await self._open(login, folder)
        except NoSuch:
            return replies.count(0)

    async def _open(self, login: Login, folder: FolderId) -> Reply:
        drop = await self._lock(login, await login.avatar.open(), folder)
        if isinstance(drop, Denied):
            return DENIALS[drop]
        self._selected = self._select(drop)
        return replies.count(drop.messages)

    async def _quit(self, login: Login) -> Reply:
        """Positive only when all that was marked is gone, durably."""
        self._login = None  # as in _fold
        try:
            updated = await self._update()
        finally:
            await self._leave(login)
        return replies.BYE if updated else replies.NOT_REMOVED

    async def _update(self) -> bool:
        """Remove what is marked."""
        drop = self._selected.drop
        if drop is None:
            return True
        removed = await self._remove_marked(drop, self._service.token())
        self._counts.removed += removed or 0
        return removed is not None

    async def _release(self) -> None:
        """Let others have the mailbox; none is selected afterwards."""
        drop = self._selected.drop
        self._selected.forget()
        self._selected = self._select(None)
        if drop is not None:
            await unlock(drop, self.peer.session)

    def _select(self, drop: Maildrop | None) -> Selected:
        return Selected(drop, self._service.showing, self._counts)

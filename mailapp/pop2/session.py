"""POP2 decisions: who comes in, and which mailbox is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from attrs import frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.auth.interfaces import (
    IAuthenticator,
    IMaildropAvatar,
    LoggedIn,
    Refusal,
)
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.net.steps import nothing, run, undisturbed
from mailapp.pop2 import mailboxes, replies
from mailapp.pop2.commands import Counts, Selected
from mailapp.pop2.connection import Event, Garbage, Opened
from mailapp.pop2.grammar import Fold, Helo, Quit
from mailapp.pop2.replies import Answer, Reply
from mailapp.pop2.snapshot import NoRoom, Showing
from mailapp.storage.interfaces import IAccount
from mailapp.storage.maildrop import Clock, Maildrop
from mailapp.storage.types import INBOX_ID, Fenced, FolderId, NoSuch, StoreError

LOCK_RETRY_SECONDS: Final = 0.05
"""Between two tries to lock a mailbox in use; a try is one system call."""

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
        clock: for leases and the log.
        token: random octets of ``A-Za-z0-9``, new at each call: request ids.
        host_name: as in the greeting.
        showing: how messages are shown; its ``pause`` also waits for a mailbox in use.
        lease_seconds: how long a mailbox stays locked for a dead process; longer than
            the idle time-out.
        patience_seconds: how long HELO and FOLD wait for a mailbox in use: two clients
            that poll at the same moment need not see an error.
    """

    authenticator: IAuthenticator
    clock: Clock
    token: Callable[[], bytes]
    host_name: str
    showing: Showing
    lease_seconds: float = 420.0
    patience_seconds: float = 5.0


@frozen
class _Login:
    """Somebody is logged in."""

    avatar: IMaildropAvatar
    logout: Callable[[], None]
    account: IAccount


class Pop2Session:
    """See :class:`mailapp.core.connection.Session`.

    Args:
        peer: the client.
        service: what it is served with.
    """

    log: ClassVar = Logger()

    def __init__(self, peer: Peer, service: Service) -> None:
        self.peer: Final = peer
        self._service: Final = service
        self._login: _Login | None = None
        self._account = "-"
        self._counts: Final = Counts()
        self._selected = self._select(None)
        self._closed = False
        self._began: Final = service.clock.seconds()

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
            self.log.failure(
                "bug in {command}",
                command=type(event).__name__,
                event="pop2.command.failed",
                session=self.peer.session,
                account=self._account,
            )
            return replies.FAILED

    def tls_started(self, tls: TLS) -> None:
        """There is no STARTTLS in POP2."""
        del tls
        msg = "TLS in the middle of POP2"
        raise RuntimeError(msg)

    async def still_welcome(self) -> bool:
        """Whether the account may still be in (:class:`core.connection.Reviewed`)."""
        login = self._login
        try:
            return login is None or await login.avatar.still_valid()
        except DeliveryFailure:
            return True  # the next one who asks may know

    def closed(self) -> None:
        """The connection is gone: unlock the mailbox, remove nothing."""
        if self._closed:
            return
        self._closed = True
        login, self._login = self._login, None
        if login is not None:
            run(self._leave(login), nothing, self._leaving_failed)
        self.log.info(
            "{account}: retrieved {retrieved}, removed {removed}",
            event="pop2.session.ended",
            session=self.peer.session,
            peer=self.peer.address,
            account=self._account,
            retrieved=self._counts.retrieved,
            removed=self._counts.removed,
            size_octets=self._counts.octets,
            seconds=round(self._service.clock.seconds() - self._began, 3),
        )

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
        self.log.debug(
            "login refused: {reason}",
            event="pop2.login.refused",
            session=self.peer.session,
            peer=self.peer.address,
            method="HELO",
            reason=result.reason.name,
        )
        return REFUSALS[result.reason]

    async def _enter(self, result: LoggedIn) -> Reply:
        """RFC 937, page 7: HELO selects the default mailbox."""
        entered = False
        avatar = IMaildropAvatar(result.avatar)
        try:
            login = _Login(avatar, result.logout, await avatar.open())
            reply = await self._open(login, INBOX_ID)
            entered = self._selected.drop is not None
        finally:
            if not entered:
                result.logout()
        if entered:
            self._login = login
            self._account = avatar.account_id
            self.log.debug(
                "{account} logged in",
                event="pop2.login.succeeded",
                session=self.peer.session,
                peer=self.peer.address,
                account=self._account,
                method="HELO",
            )
        return reply

    # ---- after it

    async def _serve(self, event: Event, login: _Login) -> Answer:
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

    async def _fold(self, mailbox: bytes, login: _Login) -> Reply:
        self._login = None  # a client that goes now does not unlock it under our hands
        try:
            return await self._change(mailbox, login)
        finally:
            if self._closed:
                await self._leave(login)
            else:
                self._login = login

    async def _change(self, mailbox: bytes, login: _Login) -> Reply:
        """RFC 937, page 9: the mailbox of before is released, its marks take effect."""
        if not await self._update():
            return replies.NOT_REMOVED
        await self._release()
        folder: FolderId | None = INBOX_ID
        if not mailboxes.is_inbox(mailbox):
            folder = mailboxes.find(mailbox, await login.account.folders())
        if folder is None:
            # page 7: one that "does not exist" has no messages
            return replies.count(0)
        try:
            return await self._open(login, folder)
        except NoSuch:
            return replies.count(0)

    async def _open(self, login: _Login, folder: FolderId) -> Reply:
        owner = f"pop2 {self.peer.session}"
        drop = await _lock(
            login.account, owner, folder, self._service, lambda: self._closed
        )
        if drop is None:
            return replies.IN_USE
        if self._closed:
            await drop.release()
            return replies.LOCK_LOST
        self._selected = self._select(drop)
        return replies.count(drop.messages)

    async def _quit(self, login: _Login) -> Reply:
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
        marked = drop.marked
        try:
            await drop.commit(self._service.token())
        except StoreError as failure:
            self.log.warn(
                "{account}: messages not removed: {why!r}",
                event="pop2.update.failed",
                session=self.peer.session,
                account=self._account,
                why=failure,
            )
            return False
        self._counts.removed += marked
        return True

    async def _release(self) -> None:
        """Let others have the mailbox; none is selected afterwards."""
        drop = self._selected.drop
        self._selected.forget()
        self._selected = self._select(None)
        if drop is not None:
            await _unlock(drop, self.peer.session)

    async def _leave(self, login: _Login) -> None:
        try:
            await self._release()
        finally:
            login.logout()

    def _select(self, drop: Maildrop | None) -> Selected:
        return Selected(drop, self._service.showing, self._counts)

    def _leaving_failed(self, problem: BaseException) -> None:
        self.log.failure(
            "bug at the end of a session",
            failure=Failure(problem),
            event="pop2.session.failed",
            session=self.peer.session,
        )


async def _lock(
    account: IAccount,
    owner: str,
    folder: FolderId,
    service: Service,
    gone: Callable[[], bool],
) -> Maildrop | None:
    """The mailbox, or None: another session keeps it."""
    pause = service.showing.pause
    until = service.clock.seconds() + service.patience_seconds
    while True:
        drop = await Maildrop.open(
            account, owner, service.lease_seconds, service.clock, folder
        )
        late = gone() or service.clock.seconds() >= until
        if drop is not None or late or pause is None:
            return drop
        await pause(LOCK_RETRY_SECONDS)


async def _unlock(drop: Maildrop, session: str) -> None:
    try:
        await drop.release()
    except (StoreError, DeliveryFailure):
        # the lock ends by itself; what the client asked for is done or refused already
        Pop2Session.log.warn(
            "mailbox not unlocked", event="pop2.maildrop.stuck", session=session
        )

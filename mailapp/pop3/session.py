"""POP3 decisions: who comes in, and what happens to the maildrop."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, TypeVar

from attrs import evolve, frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailapp.auth.interfaces import (
    IMaildropAvatar,
    LoggedIn,
    Refused,
)
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.net.steps import nothing, run, undisturbed
from mailapp.pop3 import replies
from mailapp.pop3.authorization import REFUSALS, Authorization
from mailapp.pop3.commands import Counts, Visit, perform, retrieve
from mailapp.pop3.connection import Event, Opened, Response, Wrong
from mailapp.pop3.grammar import (
    Apop,
    Auth,
    Capa,
    Lang,
    MaildropCommand,
    Pass,
    Quit,
    Retr,
    Stls,
    User,
    Utf8,
)
from mailapp.pop3.locking import lock
from mailapp.pop3.replies import Answer, Reply
from mailapp.pop3.service import Service
from mailapp.storage.types import (
    BadName,
    Fenced,
    NoSuch,
    StoreError,
)

_T = TypeVar("_T")


@frozen
class _Login:
    """Somebody is logged in and has the maildrop."""

    avatar: IMaildropAvatar
    logout: Callable[[], None]
    visit: Visit


VALID_SECONDS: Final = 1.0
"""How long account and lock are believed to be as they were, except by QUIT."""


class Pop3Session:
    """See :class:`mailapp.core.connection.Session`.

    Args:
        peer: the client.
        service: what it is served with.
    """

    log: ClassVar = Logger()

    def __init__(self, peer: Peer, service: Service) -> None:
        self.peer = peer
        self._service: Final = service
        self._timestamp = b""
        self._authorization = self._unknown()
        self._login: _Login | None = None
        self._account = "-"
        self._closed = False
        self._valid_until = 0.0
        self._counts: Final = Counts()
        self._view = service.view()
        self._began: Final = service.clock.seconds()

    async def respond(self, event: Event) -> Answer:
        """The answer to one event; a bug costs one command and no more."""
        try:
            if self._login is not None:
                return await self._serve(event, self._login)
            return await self._admit(event)
        except Fenced:
            return replies.LOCK_LOST
        except (NoSuch, BadName):
            return replies.STORE_MISSING
        except (StoreError, DeliveryFailure):
            return replies.STORE_TROUBLE
        except Exception:
            self._authorization.cancel()
            self.log.failure(
                "bug in {command}",
                command=type(event).__name__,
                event="pop3.command.failed",
                session=self.peer.session,
                account=self._account,
            )
            return replies.BUG

    def tls_started(self, tls: TLS) -> None:
        """Nothing that was said in the clear counts (RFC 2595, section 4)."""
        self.peer = evolve(self.peer, tls=tls)
        self._authorization = Authorization(self._service.authenticator, self.peer, b"")
        self._view = self._service.view()

    async def still_welcome(self) -> bool:
        """Whether the account may still be in (:class:`core.connection.Reviewed`)."""
        login = self._login
        try:
            return login is None or await login.avatar.still_valid()
        except DeliveryFailure:
            return True  # the next one who asks may know

    def closed(self) -> None:
        """The connection is gone: unlock the maildrop, remove nothing."""
        if self._closed:
            return
        self._closed = True
        self._authorization.cancel()
        login, self._login = self._login, None
        if login is not None:
            run(self._leave(login), nothing, self._leaving_failed)
        counts = self._counts
        self.log.info(
            "{account}: retrieved {retrieved}, removed {removed}",
            event="pop3.session.ended",
            session=self.peer.session,
            peer=self.peer.address,
            account=self._account,
            retrieved=counts.retrieved,
            topped=counts.topped,
            removed=counts.removed,
            size_octets=counts.octets,
            seconds=round(self._service.clock.seconds() - self._began, 3),
        )

    # ---- before the login

    async def _admit(self, event: Event) -> Answer:
        match event:
            case User() | Pass() | Apop() | Auth() | Stls() | Response():
                return await self._conclude(await self._authorization.respond(event))
            case Opened():
                answer: Answer = self._greet()
            case Capa():
                answer = self._service.capabilities(self.peer, logged_in=False)
            case Lang():
                answer = self._service.speak(event.language_range)
            case Utf8():
                self._view.utf8 = True
                answer = replies.UTF8_ON
            case Quit():
                answer = replies.BYE
            case Wrong():
                self._authorization.cancel()
                answer = event.reply
            case _:
                # the connection's table lets nothing else come before the login
                raise AssertionError(event)
        return answer

    def _greet(self) -> Reply:
        service = self._service
        if service.authenticator.apop_allowed(self.peer):
            # RFC 1939, section 7: a msg-id, different in each greeting
            host = service.host_name.encode("ascii")
            self._timestamp = b"<%b@%b>" % (service.token(), host)
            self._authorization = self._unknown()
        return replies.greeting(service.host_name, self._timestamp)

    def _unknown(self) -> Authorization:
        """Nobody has said who it is."""
        return Authorization(self._service.authenticator, self.peer, self._timestamp)

    async def _conclude(self, result: LoggedIn | Refused | Answer) -> Answer:
        """The end of every kind of login; success opens and locks the maildrop."""
        if isinstance(result, LoggedIn):
            # not to be broken off when the client goes: a lock would stay behind
            return await undisturbed(self._enter(result))
        if isinstance(result, Refused):
            self.log.debug(
                "login refused: {reason}",
                event="pop3.login.refused",
                session=self.peer.session,
                peer=self.peer.address,
                method=self._authorization.method,
                reason=result.reason.name,
            )
            return REFUSALS[result.reason]
        return result

    async def _enter(self, login: LoggedIn) -> Reply:
        entered = False
        avatar = IMaildropAvatar(login.avatar)
        try:
            if self._service.too_soon(avatar.account_id):
                return replies.TOO_SOON
            drop = await lock(
                await avatar.open(),
                login.folder,
                f"pop3 {self.peer.session}",
                self._service,
                lambda: self._closed,
            )
            if drop is None:
                return replies.IN_USE
            if self._closed:
                await drop.release()
                return replies.LOCK_LOST
            entered = True
        finally:
            if not entered:
                login.logout()
        self._service.came(avatar.account_id)
        visit = Visit(drop, self._view, self._counts)
        self._login = _Login(avatar, login.logout, visit)
        self._account = avatar.account_id
        self.log.debug(
            "{account} logged in",
            event="pop3.login.succeeded",
            session=self.peer.session,
            peer=self.peer.address,
            account=self._account,
            method=self._authorization.method,
        )
        return replies.maildrop(drop.messages, drop.octets)

    # ---- after it

    async def _serve(self, event: Event, login: _Login) -> Answer:
        """One command. Hot, as most of them are RETR."""
        visit = login.visit
        now = self._service.clock.seconds()
        if now >= self._valid_until or isinstance(event, Quit):
            if not await login.avatar.still_valid():
                return replies.ACCOUNT_GONE
            await visit.drop.keep()
            self._valid_until = now + VALID_SECONDS
        if isinstance(event, Retr):
            return retrieve(event.number, visit) or await perform(event, visit)
        if isinstance(event, MaildropCommand):
            return await perform(event, visit)
        return await self._other(event, login)

    async def _other(self, event: Event, login: _Login) -> Answer:
        """What is not about messages."""
        match event:
            case Wrong():
                return event.reply
            case Capa():
                return self._service.capabilities(self.peer, logged_in=True)
            case Lang():
                return self._service.speak(event.language_range)
            case Quit():
                return await undisturbed(self._update(login))
            case _:
                # the connection's table lets nothing else come after the login
                raise AssertionError(event)

    async def _update(self, login: _Login) -> Reply:
        """The UPDATE state: positive only when all that was marked is gone, durably.

        RFC 1939, section 6: whether the removal was successful or not, the lock is
        released.
        """
        self._login = None
        drop = login.visit.drop
        if not self._service.leave_on_server:
            # RFC 2449, section 6.7: EXPIRE 0 is an implicit DELE of what was retrieved
            for number in login.visit.retrieved:
                drop.mark(number)
        marked = drop.marked
        try:
            await drop.commit(self._service.token())
        except StoreError as failure:
            self.log.warn(
                "{account}: messages not removed: {why!r}",
                event="pop3.update.failed",
                session=self.peer.session,
                account=self._account,
                why=failure,
            )
            return replies.NOT_REMOVED
        finally:
            await self._leave(login)
        self._counts.removed = marked
        return replies.BYE

    async def _leave(self, login: _Login) -> None:
        try:
            await login.visit.drop.release()
        except (StoreError, DeliveryFailure):
            # it ends by itself; what the client asked for is done or refused already
            self.log.warn(
                "{account}: maildrop not unlocked",
                event="pop3.maildrop.stuck",
                session=self.peer.session,
                account=self._account,
            )
        finally:
            login.logout()

    def _leaving_failed(self, problem: BaseException) -> None:
        self.log.failure(
            "bug at the end of a session",
            failure=Failure(problem),
            event="pop3.session.failed",
            session=self.peer.session,
        )

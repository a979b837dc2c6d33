"""POP3 decisions: who comes in, and what happens to the maildrop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from mailapp.auth.interfaces import LoggedIn, Refused
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import TLS, Peer
from mailapp.net.steps import undisturbed
from mailapp.pop.locking import Denied, find_folder, unlock
from mailapp.pop.session import Login, PopSession
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
from mailapp.pop3.replies import Answer, Reply
from mailapp.pop3.service import Service
from mailapp.storage.maildrop import Maildrop
from mailapp.storage.types import (
    BadName,
    Fenced,
    NoSuch,
    StoreError,
)

DENIALS: Final = {Denied.IN_USE: replies.IN_USE, Denied.GONE: replies.LOCK_LOST}
VALID_SECONDS: Final = 1.0
"""How long account and lock are believed to be as they were, except by QUIT."""


class Pop3Session(PopSession):
    """See :class:`mailapp.core.connection.Session`.

    Args:
        peer: the client.
        service: what it is served with.
    """

    protocol = "pop3"

    def __init__(self, peer: Peer, service: Service) -> None:
        super().__init__(peer, service.terms)
        self._service: Final = service
        self._timestamp = b""
        self._authorization = self._unknown()
        self._visit: Visit | None = None
        self._valid_until = 0.0
        self._counts: Final = Counts()
        self._view = service.view()

    async def respond(self, event: Event) -> Answer:
        """The answer to one event; a bug costs one command and no more."""
        try:
            if self._visit is not None:
                return await self._serve(event, self._visit)
            return await self._admit(event)
        except Fenced:
            return replies.LOCK_LOST
        except (NoSuch, BadName):
            return replies.STORE_MISSING
        except (StoreError, DeliveryFailure):
            return replies.STORE_TROUBLE
        except Exception:
            self._authorization.cancel()
            self._bug(event)
            return replies.BUG

    def tls_started(self, tls: TLS) -> None:
        """Nothing that was said in the clear counts (RFC 2595, section 4)."""
        self.peer = evolve(self.peer, tls=tls)
        self._authorization = Authorization(self._service.authenticator, self.peer, b"")
        self._view = self._service.view()

    def closed(self) -> None:
        """See :class:`mailapp.core.connection.Session`."""
        self._authorization.cancel()
        super().closed()

    def _counted(self) -> Mapping[str, int]:
        counts = self._counts
        return {
            "retrieved": counts.retrieved,
            "topped": counts.topped,
            "removed": counts.removed,
            "size_octets": counts.octets,
        }

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
            self._refused(result.reason.name, self._authorization.method)
            return REFUSALS[result.reason]
        return result

    async def _enter(self, result: LoggedIn) -> Reply:
        login, drop = Login.of(result), None
        account_id = login.avatar.account_id
        try:
            if self._service.too_soon(account_id):
                return replies.TOO_SOON
            drop = await self._open(login, result.folder)
            if isinstance(drop, Denied):
                return DENIALS[drop]
        finally:
            if not isinstance(drop, Maildrop):
                login.logout()
        self._service.came(account_id)
        self._visit = Visit(drop, self._view, self._counts)
        self._entered(login, self._authorization.method)
        return replies.maildrop(drop.messages, drop.octets)

    async def _open(self, login: Login, name: tuple[str, ...]) -> Maildrop | Denied:
        account = await login.avatar.open()
        folder = await find_folder(account, name)
        return await self._lock(login, account, folder)

    # ---- after it

    async def _serve(self, event: Event, visit: Visit) -> Answer:
        """One command. Hot, as most of them are RETR."""
        now = self._terms.clock.seconds()
        if now >= self._valid_until or isinstance(event, Quit):
            if self._login is None or not await self._login.avatar.still_valid():
                return replies.ACCOUNT_GONE
            await visit.drop.keep()
            self._valid_until = now + VALID_SECONDS
        if isinstance(event, Retr):
            return retrieve(event.number, visit) or await perform(event, visit)
        if isinstance(event, MaildropCommand):
            return await perform(event, visit)
        return await self._other(event, visit)

    async def _other(self, event: Event, visit: Visit) -> Answer:
        """What is not about messages."""
        match event:
            case Wrong():
                return event.reply
            case Capa():
                return self._service.capabilities(self.peer, logged_in=True)
            case Lang():
                return self._service.speak(event.language_range)
            case Quit():
                return await undisturbed(self._update(visit))
            case _:
                # the connection's table lets nothing else come after the login
                raise AssertionError(event)

    async def _update(self, visit: Visit) -> Reply:
        """The UPDATE state: positive only when all that was marked is gone, durably.

        RFC 1939, section 6: whether the removal was successful or not, the lock is
        released.
        """
        login, self._login = self._login, None
        try:
            if not self._service.leave_on_server:
                # RFC 2449, section 6.7: EXPIRE 0 is an implicit DELE of what was
                # retrieved
                for number in visit.retrieved:
                    visit.drop.mark(number)
            removed = await self._remove_marked(visit.drop, self._service.token())
        finally:
            if login is not None:
                await self._leave(login)
        if removed is None:
            return replies.NOT_REMOVED
        self._counts.removed = removed
        return replies.BYE

    async def _release(self) -> None:
        visit, self._visit = self._visit, None
        if visit is not None:
            await unlock(visit.drop, self.peer.session)

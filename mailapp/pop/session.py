"""What the sessions of POP2 and POP3 do alike: who is in, and how he leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from attrs import frozen
from twisted.python.failure import Failure

from mailapp.auth.interfaces import IMaildropAvatar, LoggedIn
from mailapp.core.failures import DeliveryFailure
from mailapp.core.peer import Peer
from mailapp.net.saying import QuickLogger
from mailapp.net.steps import nothing, run
from mailapp.pop.locking import Denied, Terms
from mailapp.storage.interfaces import IAccount
from mailapp.storage.maildrop import Maildrop
from mailapp.storage.types import FolderId, StoreError


@frozen
class Login:
    """Somebody is logged in.

    Attributes:
        logout: to be called once, at the end.
    """

    avatar: IMaildropAvatar
    logout: Callable[[], None]

    @classmethod
    def of(cls, result: LoggedIn) -> Login:
        """What an authenticator gave."""
        return cls(IMaildropAvatar(result.avatar), result.logout)


class PopSession:
    """One client, from the login to the end.

    Args:
        peer: the client.
        terms: on which it gets a maildrop.

    Attributes:
        protocol: as the log calls it.
    """

    protocol: ClassVar[str]
    log: ClassVar = QuickLogger()

    def __init__(self, peer: Peer, terms: Terms) -> None:
        self.peer = peer
        self._terms = terms
        self._login: Login | None = None
        self._account = "-"
        self._closed = False
        self._began = terms.clock.seconds()

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
        login, self._login = self._login, None
        if login is not None:
            run(self._leave(login), nothing, self._leaving_failed)
        self.log.info(
            "{account}: retrieved {retrieved}, removed {removed}",
            event=f"{self.protocol}.session.ended",
            session=self.peer.session,
            peer=self.peer.address,
            account=self._account,
            seconds=round(self._terms.clock.seconds() - self._began, 3),
            **self._counted(),
        )

    # ---- what a protocol adds

    def _counted(self) -> Mapping[str, int]:
        """For the log: retrieved, removed, size_octets."""
        raise NotImplementedError

    async def _release(self) -> None:
        """Unlock what is locked, and forget what was read of it."""
        raise NotImplementedError

    # ---- what it may use

    def _gone(self) -> bool:
        return self._closed

    def _entered(self, login: Login, method: str) -> None:
        """It is in, and has a maildrop."""
        self._login = login
        self._account = login.avatar.account_id
        self.log.debug(
            "{account} logged in",
            event=f"{self.protocol}.login.succeeded",
            session=self.peer.session,
            peer=self.peer.address,
            account=self._account,
            method=method,
        )

    def _refused(self, reason: str, method: str) -> None:
        self.log.debug(
            "login refused: {reason}",
            event=f"{self.protocol}.login.refused",
            session=self.peer.session,
            peer=self.peer.address,
            method=method,
            reason=reason,
        )

    async def _lock(
        self, login: Login, account: IAccount, folder: FolderId
    ) -> Maildrop | Denied:
        """A mailbox of theirs, as this listener shows it.

        Raises:
            NoSuch: there is no such mailbox.
            StoreError: not now.
        """
        mail = self._terms.present(login.avatar.account_id, account)
        owner = f"{self.protocol} {self.peer.session}"
        return await self._terms.lock(mail, owner, folder, self._gone)

    async def _remove_marked(self, drop: Maildrop, request_id: bytes) -> int | None:
        """Remove what is marked, durably: how many, or None: that is not known."""
        marked = drop.marked
        try:
            await drop.commit(request_id)
        except StoreError as failure:
            self.log.warn(
                "{account}: messages not removed: {why!r}",
                event=f"{self.protocol}.update.failed",
                session=self.peer.session,
                account=self._account,
                why=failure,
            )
            return None
        return marked

    async def _leave(self, login: Login) -> None:
        try:
            await self._release()
        finally:
            login.logout()

    def _bug(self, event: object) -> None:
        """It costs one command."""
        self.log.failure(
            "bug in {command}",
            command=type(event).__name__,
            event=f"{self.protocol}.command.failed",
            session=self.peer.session,
            account=self._account,
        )

    def _leaving_failed(self, problem: BaseException) -> None:
        self.log.failure(
            "bug at the end of a session",
            failure=Failure(problem),
            event=f"{self.protocol}.session.failed",
            session=self.peer.session,
        )

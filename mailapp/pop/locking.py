"""The way to a maildrop: to its lock, and back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import ClassVar, Final, Protocol

from attrs import frozen
from twisted.logger import Logger

from mailapp.core.failures import DeliveryFailure
from mailapp.storage.interfaces import IAccount, IMailboxes
from mailapp.storage.maildrop import Clock, Maildrop
from mailapp.storage.names import canonical
from mailapp.storage.types import INBOX_ID, AccountId, FolderId, NoSuch, StoreError

LOCK_RETRY_SECONDS: Final = 0.05
"""Between two tries to lock a maildrop in use; a try is one system call."""


class Present(Protocol):
    """How a listener shows the mail of an account."""

    def __call__(self, account: AccountId, mail: IMailboxes, /) -> IMailboxes:
        """The account's mail in another form."""


def as_it_is(_account: AccountId, mail: IMailboxes) -> IMailboxes:
    """No other form."""
    return mail


class Denied(Enum):
    """Why there is no maildrop."""

    IN_USE = "another session keeps it"
    GONE = "the client did not wait for it"


@frozen
class Terms:
    """How the sessions of a listener hold maildrops.

    Attributes:
        clock: for leases.
        lease_seconds: how long a maildrop stays locked for a dead process; longer
            than the idle time-out.
        patience_seconds: how long a client waits for a maildrop in use: two that poll
            at the same moment need not see an error.
        pause: waits so many seconds; None: a maildrop in use is refused at once.
        present: in which form mail is shown.
    """

    clock: Clock
    lease_seconds: float = 720.0
    patience_seconds: float = 5.0
    pause: Callable[[float], Awaitable[object]] | None = None
    present: Present = as_it_is

    async def lock(
        self, mail: IMailboxes, owner: str, folder: FolderId, gone: Callable[[], bool]
    ) -> Maildrop | Denied:
        """The maildrop, if it could be had.

        Args:
            mail: whose it is.
            owner: who locks it.
            folder: which mailbox.
            gone: nobody waits any more.

        Raises:
            NoSuch: there is no such mailbox.
            StoreError: not now.
        """
        until = self.clock.seconds() + self.patience_seconds
        while True:
            drop = await Maildrop.open(
                mail, owner, self.lease_seconds, self.clock, folder
            )
            if drop is not None and gone():
                await drop.release()
                return Denied.GONE
            if drop is not None:
                return drop
            late = gone() or self.clock.seconds() >= until
            if late or self.pause is None:
                return Denied.IN_USE
            await self.pause(LOCK_RETRY_SECONDS)


class Lock:
    """Lets go of maildrops."""

    log: ClassVar = Logger()


async def unlock(drop: Maildrop, session: str) -> None:
    """Let others have it. A failure is logged: the lock ends by itself.

    What the client asked for is done or refused already.
    """
    try:
        await drop.release()
    except (StoreError, DeliveryFailure):
        Lock.log.warn(
            "maildrop not unlocked", event="pop.maildrop.stuck", session=session
        )


async def find_folder(account: IAccount, name: tuple[str, ...]) -> FolderId:
    """The mailbox of a name; an empty name is INBOX.

    Raises:
        NoSuch, BadName: there is none.
    """
    if not name:
        return INBOX_ID
    name = canonical(name)
    for folder in await account.folders():
        if folder.name == name:
            return folder.id
    raise NoSuch

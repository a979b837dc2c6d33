"""The way to a maildrop: from a mailbox's name to its lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mailapp.pop3.service import Service
from mailapp.storage.interfaces import IAccount
from mailapp.storage.maildrop import Maildrop
from mailapp.storage.names import canonical
from mailapp.storage.types import INBOX_ID, FolderId, NoSuch

LOCK_RETRY_SECONDS: Final = 0.05
"""Between two tries to lock a maildrop in use; a try is one system call."""


async def lock(
    account: IAccount,
    name: tuple[str, ...],
    owner: str,
    service: Service,
    gone: Callable[[], bool],
) -> Maildrop | None:
    """The maildrop, or None: another session keeps it.

    Args:
        account: whose it is.
        name: of the mailbox; none is INBOX.
        owner: who locks it.
        service: says how long to wait for it.
        gone: nobody waits any more.

    Raises:
        NoSuch, BadName: there is no such mailbox.
        StoreError: not now.
    """
    folder = await _folder(account, name)
    until = service.clock.seconds() + service.patience_seconds
    while True:
        drop = await Maildrop.open(
            account, owner, service.lease_seconds, service.clock, folder
        )
        late = gone() or service.clock.seconds() >= until
        if drop is not None or late or service.pause is None:
            return drop
        await service.pause(LOCK_RETRY_SECONDS)


async def _folder(account: IAccount, name: tuple[str, ...]) -> FolderId:
    if not name:
        return INBOX_ID
    name = canonical(name)
    for folder in await account.folders():
        if folder.name == name:
            return folder.id
    raise NoSuch

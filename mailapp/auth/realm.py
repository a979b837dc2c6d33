"""The realm of twisted.cred: from an account's id to what may be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen
from twisted.cred.portal import IRealm
from zope.interface import Interface, implementer

from mailapp.auth.interfaces import (
    IMailboxAvatar,
    IMaildropAvatar,
    ISubmitterAvatar,
)
from mailapp.core.address import parse_address
from mailapp.core.failures import SyntaxProblem, TemporaryFailure
from mailapp.directory.interfaces import IAccountDirectory
from mailapp.directory.owners import owns
from mailapp.storage.interfaces import IAccount, IMailStore
from mailapp.storage.types import AccountId, NoSuch


@frozen
class _Avatar:
    """What all avatars share."""

    account_id: AccountId
    _store: IMailStore
    _directory: IAccountDirectory
    _app_password: bytes = b""  # its digest, if it was the key to this login

    async def still_valid(self) -> bool:
        """Are the account, and the app password of this login, there and enabled?"""
        try:
            found = await self._directory.verifiers(self.account_id)
        except TemporaryFailure:
            return True  # nobody has said otherwise
        if found is None or not found.account.enabled:
            return False
        used = self._app_password
        return not used or any(used == known.digest for known in found.app_passwords)

    async def _open(self) -> IAccount:
        """The account's storage, made at the first login."""
        try:
            return await self._store.open(self.account_id)
        except NoSuch:
            account = await self._directory.account(self.account_id)
            quota_octets = account.quota_octets if account else 0
            return await self._store.create(self.account_id, quota_octets)


@implementer(IMailboxAvatar)
@frozen
class MailboxAvatar(_Avatar):
    """See :class:`IMailboxAvatar`."""

    async def open(self) -> IAccount:
        """The account's storage."""
        return await self._open()


@implementer(IMaildropAvatar)
@frozen
class MaildropAvatar(_Avatar):
    """See :class:`IMaildropAvatar`."""

    async def open(self) -> IAccount:
        """The account's storage."""
        return await self._open()


@implementer(ISubmitterAvatar)
@frozen
class SubmitterAvatar(_Avatar):
    """See :class:`ISubmitterAvatar`."""

    async def may_send_as(self, address: str) -> bool:
        """Is it an address of this account alone (threat 28)?

        Raises:
            TemporaryFailure: the directory can't be read now.
        """
        try:
            parsed = parse_address(address.encode())
        except (SyntaxProblem, UnicodeEncodeError):
            return False
        return await owns(self._directory, self.account_id, parsed)


_AVATARS: Final[dict[type[Interface], type[_Avatar]]] = {
    IMailboxAvatar: MailboxAvatar,
    IMaildropAvatar: MaildropAvatar,
    ISubmitterAvatar: SubmitterAvatar,
}


@implementer(IRealm)
class Realm:
    """Gives avatars.

    Args:
        store: where the mail is.
        directory: knows who may still be in.
    """

    def __init__(self, store: IMailStore, directory: IAccountDirectory) -> None:
        self._store = store
        self._directory = directory

    def requestAvatar(
        self,
        avatarId: bytes | tuple[()],  # noqa: N803 - cred's name
        mind: object,
        *interfaces: type[Interface],
    ) -> tuple[type[Interface], object, Callable[[], None]]:
        """An avatar for the first of the interfaces that there is one for.

        The id is the account's, with NUL and a digest behind it if an app password was
        used.

        Raises:
            NotImplementedError: there is none, or nobody is logged in.
        """
        if isinstance(avatarId, bytes):
            for interface in interfaces:
                avatar = _AVATARS.get(interface)
                if avatar is not None:
                    name, _, app_password = avatarId.partition(b"\0")
                    account = AccountId(name.decode())
                    made = avatar(account, self._store, self._directory, app_password)
                    return interface, made, _nothing_to_release
        raise NotImplementedError


def _nothing_to_release() -> None:
    """Storage is opened and released by the session itself."""

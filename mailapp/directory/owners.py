"""Whose an address is: who may send from it (threat 28)."""

from __future__ import annotations

from mailapp.core.address import Address
from mailapp.directory.interfaces import IDirectory
from mailapp.directory.names import canonical_local_part
from mailapp.directory.types import Expanded, Local
from mailapp.storage.types import AccountId


async def owns(directory: IDirectory, account: AccountId, address: Address) -> bool:
    """Would mail to this address come to the account, and to nobody else?

    So the account's own name, its subaddresses and the aliases that lead to it alone
    are its own. An alias of several is nobody's: one of them would speak for all.

    Raises:
        TemporaryFailure: the directory can't be read now.
    """
    if f"{canonical_local_part(address.local_part)}@{address.domain}" == account:
        return True  # also where an alias gives others a copy
    match await directory.resolve(address):
        case Local(found):
            return found.id == account
        case Expanded(local, remote, lists):
            alone = not remote and not lists
            return alone and [one.account.id for one in local] == [account]
        case _:
            return False

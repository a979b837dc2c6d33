"""Which messages of a batch that broke off lie in their mailbox after all."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mailapp.moving.journal import Intent
from mailapp.storage.columns import Columns
from mailapp.storage.interfaces import IAccount
from mailapp.storage.types import UID, NoSuch

_LAST_UID = UID(2**32 - 1)


def content_digest() -> Any:
    """A fresh digest of the octets of a message."""
    return hashlib.blake2b(digest_size=20)


async def missing(account: IAccount, intents: Sequence[Intent]) -> list[Intent]:
    """The intents whose messages are not in their mailboxes.

    Looked for among what the mailbox got since: the same time, the same size and the
    same octets. Alike messages count each.
    """
    lost: list[Intent] = []
    for name in {intent.mailbox for intent in intents}:
        own = [intent for intent in intents if intent.mailbox == name]
        found = await _found(account, name, own)
        for intent in own:
            if found[_mark(intent)]:
                found[_mark(intent)] -= 1
            else:
                lost.append(intent)
    return lost


def _mark(intent: Intent) -> tuple[bytes, int]:
    return intent.digest, intent.received


async def _found(
    account: IAccount, name: tuple[str, ...], intents: Sequence[Intent]
) -> Counter[tuple[bytes, int]]:
    """What of them is there: digest and time of each message that may be one."""
    found: Counter[tuple[bytes, int]] = Counter()
    folder = await account.find(name)
    if folder is None:
        return found
    mailbox = await account.mailbox(folder)
    try:
        columns = mailbox.columns
        if columns.uid_validity != intents[0].uid_validity:
            return found  # it was removed meanwhile, and what was in it
        first = UID(min(intent.uid_next for intent in intents))
        wanted = {(intent.size, intent.received) for intent in intents}
        for place in columns.places(first, _LAST_UID):
            when = columns.received[place]
            if (columns.sizes[place], when) in wanted:
                found[await _digest(account, columns, place), when] += 1
    finally:
        mailbox.close()
    return found


async def _digest(account: IAccount, columns: Columns, place: int) -> bytes:
    digest = content_digest()
    try:
        async for octets in account.read(columns.blob(place)):
            digest.update(octets)
    except NoSuch:
        return b""
    octets_of: bytes = digest.digest()
    return octets_of

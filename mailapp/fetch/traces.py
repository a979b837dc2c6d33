"""Looks in mailboxes for messages whose delivery a crash has interrupted.

A delivery writes a Received field with an id of its own at the top of the message, and
that id is in the ledger before the delivery begins. So whether the message has arrived
can be seen in the mailbox, wherever the user has moved it meanwhile.

What is found may be visible and not yet durable, if the process died between the two.
A commit that touches it makes it durable: flags are set, and none of them. A message
that the user has deleted in the moment between the delivery and this look comes again;
that is the one case in which a message comes twice, and none is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from mailapp.fetch.book import Intent
from mailapp.storage.interfaces import IAccount
from mailapp.storage.types import (
    BlobRef,
    FlagMode,
    FolderId,
    NoSuch,
    Row,
    SetFlags,
)

TOP_OCTETS: Final = 16 * 1024
"""Our own fields are never longer."""
_ID: Final = re.compile(rb"\r?\nReceived:[^;]*?\sid\s+([A-Za-z0-9.-]{1,100})[\s;]")


async def find_delivered(
    account: IAccount, intents: Iterable[Intent]
) -> frozenset[bytes]:
    """The keys of the intents whose message lies in the account, durably.

    Raises:
        StoreError: the account can't be looked at now.
    """
    wanted = {intent.id.encode("ascii"): intent for intent in intents}
    if not wanted:
        return frozenset()
    found: set[bytes] = set()
    for folder in await account.folders():
        async for rows in account.rows(folder.id):
            for row in rows:
                intent = await _intent_of(account, row, wanted)
                if intent is not None:
                    await _make_durable(account, folder.id, row, intent)
                    found.add(intent.key)
    return frozenset(found)


async def _intent_of(
    account: IAccount, row: Row, wanted: Mapping[bytes, Intent]
) -> Intent | None:
    """That which it was delivered by; few messages have to be opened for it."""
    if not any(
        0 < row.size_octets - intent.size_octets <= TOP_OCTETS
        for intent in wanted.values()
    ):
        return None
    match = _ID.search(b"\n" + await _top(account, row.blob))
    return None if match is None else wanted.get(match[1])


async def _top(account: IAccount, blob: BlobRef) -> bytes:
    """The first octets; none of a message that is gone."""
    try:
        return b"".join([chunk async for chunk in account.read(blob, 0, TOP_OCTETS)])
    except NoSuch:
        return b""


async def _make_durable(
    account: IAccount, folder: FolderId, row: Row, intent: Intent
) -> None:
    touch = SetFlags(folder, [row.uid], FlagMode.ADD, frozenset())
    await account.commit([touch], request_id=b"fetch " + intent.id.encode("ascii"))

"""How commands change what is stored."""

from __future__ import annotations

from collections.abc import Sequence

from mailapp.imap.commands.context import Context
from mailapp.net.steps import undisturbed
from mailapp.storage.types import Change, Outcome


async def change(context: Context, *changes: Change) -> Sequence[Outcome]:
    """Do all of it in one commit, also if the client goes away meanwhile.

    Raises:
        StoreError: nothing of it is visible.
    """
    return await undisturbed(_commit(context, changes))


async def _commit(context: Context, changes: Sequence[Change]) -> Sequence[Outcome]:
    # the id is made once, so that nothing is done twice
    token = context.service.token()
    return await context.account.commit(changes, request_id=token)

"""SUBSCRIBE (RFC 9051, section 6.3.7)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import path_of
from mailapp.imap.grammar.values.commands import Subscribe
from mailapp.imap.responses.status import Status, ok
from mailapp.net.steps import undisturbed


async def subscribe(context: Context, command: Subscribe) -> Status:
    """Note the name, whether there is such a mailbox or not.

    RFC 9051, section 6.3.7: it MAY be checked. Some clients subscribe before they
    create, and a name must not go when its mailbox goes.
    """
    await note(context, command.mailbox, on=True)
    return ok("subscribed")


async def note(context: Context, name: str, *, on: bool) -> None:
    """Note a name, or forget it; a separator at its end is no part of it.

    Raises:
        StoreError: it was not done.
    """
    path = path_of(context, name.removesuffix(context.service.separator))
    await undisturbed(_note(context, path, on=on))


async def _note(context: Context, path: tuple[str, ...], *, on: bool) -> None:
    await context.account.marks.subscribe(path, on=on)

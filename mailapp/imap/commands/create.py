"""CREATE (RFC 9051, section 6.3.4; RFC 6154, section 3; RFC 8474, section 4.1)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.changing import change
from mailapp.imap.commands.context import Context
from mailapp.imap.commands.naming import above, stored_path
from mailapp.imap.commands.uses import known_use
from mailapp.imap.grammar.values.commands import Create
from mailapp.imap.responses.mailbox import mailbox_id
from mailapp.imap.responses.status import Status, no, ok
from mailapp.net.steps import undisturbed
from mailapp.storage.types import CreateFolder

_NO_USE: Final = no("no mailbox can have this use", b"USEATTR")


async def create(context: Context, command: Create) -> Status:
    """Make a mailbox, and those above it.

    RFC 9051, section 6.3.4: a separator at the end says that names below it will come;
    it is no part of the name.
    """
    uses = frozenset(known_use(use) for use in command.uses)
    if None in uses:
        return _NO_USE
    name = command.mailbox.removesuffix(context.service.separator)
    path = await stored_path(context, name)
    given = frozenset(use for use in uses if use is not None)
    return await undisturbed(_create(context, path, given))


async def _create(
    context: Context, path: tuple[str, ...], uses: frozenset[str]
) -> Status:
    missing = await missing_above(context, path)
    *_, outcome = await change(
        context, *(CreateFolder(name) for name in [*missing, path])
    )
    folder = outcome.folder
    if folder is None:
        return ok("created")
    if uses:
        await context.account.marks.assign(folder, uses)
    mailbox = await context.account.mailbox(folder)
    uid_validity = mailbox.columns.uid_validity
    mailbox.close()
    return ok("created", b"MAILBOXID (%b)" % mailbox_id(folder, uid_validity))


async def missing_above(
    context: Context, path: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """The names above that have no mailbox, the highest one first."""
    account = context.account
    return [name for name in above(path) if await account.find(name) is None]

"""NAMESPACE (RFC 9051, section 6.3.10): there is one, the personal one."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import Namespace
from mailapp.imap.responses.status import Status, ok


async def namespace(context: Context, _command: Namespace) -> Status:
    """No prefix; others' mailboxes and shared ones there are not."""
    separator = context.service.separator.encode("ascii")
    context.send(b'* NAMESPACE (("" "%b")) NIL NIL\r\n' % separator)
    return ok("that is all")

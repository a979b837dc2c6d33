"""STARTTLS (RFC 9051, section 6.2.1); the connection has looked at the rest."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import Starttls
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status


async def starttls(_context: Context, _command: Starttls) -> Status:
    """The handshake follows."""
    return replies.BEGIN_TLS

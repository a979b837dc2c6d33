"""COMPRESS=DEFLATE (RFC 4978, section 3); the layer is ``mailapp.net.deflate``."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import Compress
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status, no, ok


async def compress(context: Context, _command: Compress) -> Status:
    """Everything after the reply is compressed, both ways.

    Only within TLS, and that never compresses (``mailapp.net.tls``): there is at most
    one layer. So nobody can have us inflate octets that he changed on their way.
    """
    if context.peer.tls is None:
        return replies.PRIVACY_FIRST
    if context.compressed:
        # RFC 4978, section 3: a second layer is refused with this code
        return no("the connection is compressed already", b"COMPRESSIONACTIVE")
    context.compressed = True
    return ok("compression begins now")

"""CAPABILITY (RFC 9051, section 6.1.1)."""

from __future__ import annotations

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import Capability
from mailapp.imap.responses.status import Status, ok


def announced(context: Context) -> bytes:
    """``CAPABILITY`` and all names that hold for this client now."""
    service, peer = context.service, context.peer
    if context.entered is not None:
        return service.offer.after_login(tls=peer.tls is not None)
    return service.offer.before_login(
        service.authenticator.mechanisms(peer),
        password=service.authenticator.password_allowed(peer),
        starttls=service.tls_available and peer.tls is None,
    )


async def capability(context: Context, _command: Capability) -> Status:
    """Tell what there is."""
    context.send(b"* %b\r\n" % announced(context))
    return ok("that is all")

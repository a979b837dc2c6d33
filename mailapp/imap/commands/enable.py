"""ENABLE (RFC 9051, section 6.3.1; RFC 5161)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.context import Context, Extension
from mailapp.imap.grammar.values.commands import Enable
from mailapp.imap.responses.status import Status, ok

_BY_NAME: Final = {extension.value.upper(): extension for extension in Extension}
# RFC 7162, section 3.2.3: QRESYNC is CONDSTORE and more
_IMPLIED: Final = {Extension.QRESYNC: Extension.CONDSTORE}


async def enable(context: Context, command: Enable) -> Status:
    """Turn on what is known and offered; the rest is passed over."""
    offer = context.service.offer
    new = []
    for name in dict.fromkeys(command.capabilities):
        extension = _BY_NAME.get(name)
        if extension is None or not offer.has_name(extension.value):
            continue
        new.append(extension.value)
        context.enabled.add(extension)
        if extension in _IMPLIED:
            context.enabled.add(_IMPLIED[extension])
    context.send(b" ".join([b"* ENABLED", *new]) + b"\r\n")
    return ok("enabled")

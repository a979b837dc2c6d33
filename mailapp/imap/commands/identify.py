"""ID (RFC 2971): who the client is goes to the log, and nowhere else.

What we say of ourselves is a name. No version is told: it would help nobody but those
who look for old ones (threat 73).
"""

from __future__ import annotations

from typing import Final

from twisted.logger import Logger

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import Id
from mailapp.imap.responses.status import Status, ok

_log: Final = Logger()
_OURS: Final = b'* ID ("name" "mailapp")\r\n'


async def identify(context: Context, command: Id) -> Status:
    """Note who it is; the log escapes what does not print (threat 122)."""
    _log.debug(
        "the client names itself",
        event="imap.client.named",
        session=context.peer.session,
        peer=context.peer.address,
        fields=[_shown(name) + "=" + _shown(value) for name, value in command.pairs],
    )
    context.send(_OURS)
    return ok("pleased to meet you")


def _shown(octets: bytes | None) -> str:
    return (octets or b"").decode("utf-8", "backslashreplace")

"""GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208, section 4.1)."""

from __future__ import annotations

from typing import Final

from mailapp.imap.commands.context import Context
from mailapp.imap.grammar.values.commands import GetQuota, GetQuotaRoot, SetQuota
from mailapp.imap.responses.mailbox import name_octets
from mailapp.imap.responses.status import Status, no, ok

ROOT: Final = ""
"""The one quota root: the account."""
_UNIT: Final = 1024
_DONE: Final = ok("done")
_NO_ROOT: Final = no("no such quota root", b"NONEXISTENT")
_NOT_YOURS: Final = no("the administrator sets the limits", b"NOPERM")


async def get_quota(context: Context, command: GetQuota) -> Status:
    """Tell use and limits of the account, if it has any limits."""
    line = await _quota(context) if command.root == ROOT else b""
    if not line:
        return _NO_ROOT
    context.send(line)
    return _DONE


async def get_quota_root(context: Context, command: GetQuotaRoot) -> Status:
    """RFC 9208, section 4.1.2: the mailbox need not be there."""
    name = name_octets(command.mailbox, utf8=context.utf8)
    line = await _quota(context)
    context.send(b"* QUOTAROOT %b%b\r\n" % (name, b' ""' if line else b""))
    context.send(line)
    return _DONE


async def set_quota(context: Context, command: SetQuota) -> Status:
    """Refused; so QUOTASET is not announced."""
    del context, command
    return _NOT_YOURS


async def _quota(context: Context) -> bytes:
    """``QUOTA`` (RFC 9208, section 4.2.1); nothing for an account without limits.

    What is not limited has no entry, and the list may not be empty (section 7).
    RFC 9208, section 5.1: STORAGE is in units of 1024 octets. Use is rounded up, a
    limit down: none is passed unseen.
    """
    usage = await context.account.usage()
    parts = []
    if usage.limit_octets:
        used = -(-usage.octets // _UNIT)
        parts.append(b"STORAGE %d %d" % (used, usage.limit_octets // _UNIT))
    if usage.limit_messages:
        parts.append(b"MESSAGE %d %d" % (usage.messages, usage.limit_messages))
    return b'* QUOTA "" (%b)\r\n' % b" ".join(parts) if parts else b""

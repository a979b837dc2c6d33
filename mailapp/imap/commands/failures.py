"""What the store could not do, as the client is told (RFC 5530, section 3)."""

from __future__ import annotations

from mailapp.core.failures import DeliveryFailure
from mailapp.imap.responses import replies
from mailapp.imap.responses.status import Status
from mailapp.storage import types

_STATUSES = (
    (types.OverQuota, replies.OVER_QUOTA),
    (types.NoSpace, replies.STORE_FULL),
    (types.NoSuch, replies.NO_MAILBOX),
    (types.Exists, replies.MAILBOX_EXISTS),
    (types.BadName, replies.BAD_NAME),
    (types.TooMany, replies.STORE_LIMIT),
)


def status_of(failure: types.StoreError | DeliveryFailure) -> Status:
    """The reply to a command that failed so."""
    for kind, status in _STATUSES:
        if isinstance(failure, kind):
            return status
    return replies.STORE_TROUBLE

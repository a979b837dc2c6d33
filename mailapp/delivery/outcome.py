"""What a failure of the store means to a recipient (pure)."""

from __future__ import annotations

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import (
    MAILBOX_FULL,
    SYSTEM_FULL,
    SYSTEM_TROUBLE,
    Status,
)
from mailapp.delivery.fanout import DELIVERED
from mailapp.delivery.types import Failed, RecipientOutcome
from mailapp.storage.types import NoSpace, OverQuota, StoreError


def status(problem: StoreError) -> Status:
    """Its status: 4.3.1 for a full disk, 4.2.2 for a full mailbox, else 4.3.0.

    All of them are temporary: a disk is cleared, a mailbox is emptied, and a mailbox
    that is suddenly gone is refused for good at the next RCPT, by the directory that
    knows. What is not understood is temporary too.
    """
    match problem:
        case NoSpace():
            return SYSTEM_FULL
        case OverQuota():
            return MAILBOX_FULL
        case _:
            return SYSTEM_TROUBLE


def outcome(problem: StoreError | None) -> RecipientOutcome:
    """The outcome of one destination of ``IMailStore.deliver``."""
    if problem is None:
        return DELIVERED
    return Failed(status(problem), permanent=False)


def failure(problem: StoreError) -> TemporaryFailure:
    """The same as an exception, for what fails before there are outcomes."""
    return TemporaryFailure(status(problem))

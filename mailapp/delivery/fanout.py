"""One message, many recipients: each mailbox once, one outcome per recipient (pure).

The rulings, where RFC 5321 leaves room:

* A mailbox that several recipients lead to (an alias and its target, the same RCPT
  twice) gets one copy. RFC 5321, section 3.9.1 asks that the message be delivered to
  each expanded address; a second copy in the same mailbox adds nothing. ``user`` and
  ``user+lists`` are two mailboxes only if the detail leads to a folder of its own.
* A recipient that is an alias of several mailboxes is delivered when all of them are.
  If some are not, the recipient has failed, temporarily if any of the failures is
  temporary: then the client keeps the message and tries again (RFC 5321,
  section 4.5.4.1), and a mailbox that had its copy may get a second one. RFC 5321,
  section 6.1 forbids to lose the message; nothing forbids a duplicate.
* How SMTP folds these outcomes into its one reply is for the session; LMTP gives each
  recipient its own (RFC 2033, section 4.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from mailapp.delivery.types import Delivered, Failed, RecipientOutcome
from mailapp.storage.types import Destination

DELIVERED: Final = Delivered()
_ONE: Final = ((0,),)
"""One recipient with one mailbox, as nearly all mail has."""


@frozen
class Fanout:
    """Which mailboxes a message goes to, and for whom.

    Attributes:
        destinations: each mailbox once, in the order of the recipients.
        recipients: for each recipient, in order, the places of its mailboxes in
            ``destinations``.
    """

    destinations: Sequence[Destination]
    recipients: Sequence[Sequence[int]]

    def fold(self, outcomes: Sequence[RecipientOutcome]) -> list[RecipientOutcome]:
        """From one outcome per destination to one per recipient."""
        if len(outcomes) == 1 == len(self.recipients):
            return list(outcomes)
        return [
            worst(outcomes[place] for place in places) for places in self.recipients
        ]


def fan_out(mailboxes: Sequence[Sequence[Destination]]) -> Fanout:
    """Give each mailbox one copy.

    Args:
        mailboxes: for each recipient the mailboxes that it leads to.
    """
    if len(mailboxes) == 1 == len(mailboxes[0]):
        return Fanout(tuple(mailboxes[0]), _ONE)
    places: dict[Destination, int] = {}
    recipients = [
        [places.setdefault(mailbox, len(places)) for mailbox in recipient]
        for recipient in mailboxes
    ]
    return Fanout(tuple(places), recipients)


def worst(outcomes: Iterable[RecipientOutcome]) -> RecipientOutcome:
    """Delivered if all are; else the first temporary failure, else the first one."""
    failed: Failed | None = None
    for outcome in outcomes:
        if isinstance(outcome, Failed):
            if not outcome.permanent:
                return outcome
            failed = failed or outcome
    return failed or DELIVERED

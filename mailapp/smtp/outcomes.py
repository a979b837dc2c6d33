"""What became of each recipient, folded into the one reply that SMTP allows.

LMTP has a reply for each (RFC 2033, section 4.2); the rest of this page is of SMTP.

RFC 5321, section 4.1.1.4: "The SMTP model does not allow for partial failures at this
point: either the message is accepted by the server for delivery and a positive response
is returned or it is not accepted and a failure reply is returned." With a positive
reply we answer for every recipient (section 6.1): who does not get the message must be
reported to the sender in a message of our own. As long as we send none, a positive
reply is only true when all have it. So:

* all have it: 250;
* somebody may get it later: the temporary reply. The client keeps the whole message
  (section 4.2.5: on 4yz we "MUST NOT make a subsequent attempt to deliver") and sends
  it again; who has it already gets it twice. Section 6.1 and RFC 1047 weigh that: a
  duplicate is a nuisance, a loss is not to be mended.
* somebody will never get it, and nobody is left to wait for: the permanent reply, and
  the client reports to the sender, who learns that not all were reached.

A recipient that we know to fail is refused at RCPT; what is decided here went wrong in
between.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailapp.delivery.types import Failed, RecipientOutcome
from mailapp.smtp import replies
from mailapp.smtp.grammar.reply import Replies, Reply


def fold(outcomes: Sequence[RecipientOutcome], transaction_id: str) -> Reply:
    """The reply to the end of data."""
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    if not failed:
        # no outcome at all is no delivery either
        return replies.accepted(transaction_id) if outcomes else replies.LOCAL_TROUBLE
    for outcome in failed:
        if not outcome.permanent:
            return replies.of_outcome(outcome)
    return replies.of_outcome(failed[0])


def each(
    outcomes: Sequence[RecipientOutcome], places: Sequence[int], transaction_id: str
) -> Replies:
    """The replies to the end of data of LMTP.

    Args:
        outcomes: one for each recipient.
        places: for each reply, whose outcome it tells.
        transaction_id: of the message.
    """
    made = [
        replies.of_outcome(outcome)
        if isinstance(outcome, Failed)
        else replies.accepted(transaction_id)
        for outcome in outcomes
    ]
    return Replies(tuple([made[place] for place in places]))

"""Receives messages with one reply for each recipient (RFC 2033, sections 4.2, 4.3)."""

from __future__ import annotations

from collections.abc import Sequence

from mailapp.core.address import Address
from mailapp.core.failures import DeliveryFailure
from mailapp.delivery.types import RecipientOutcome
from mailapp.smtp import replies
from mailapp.smtp.events import EndOfBody
from mailapp.smtp.grammar.reply import Replies, Reply
from mailapp.smtp.outcomes import each
from mailapp.smtp.reception import Reception
from mailapp.smtp.transaction import Transaction


class LmtpReception(Reception):
    """As for SMTP, but nobody's failure is another's."""

    async def end_of_body(self, event: EndOfBody) -> Replies:
        """Commit; whatever comes of it, there are as many replies as the client awaits.

        A bug must not change their number either: the client would take the reply to
        its next command for that of a recipient.
        """
        due = len(self._open_transaction().places)
        answer: Reply | Replies
        try:
            answer = await super().end_of_body(event)
        except DeliveryFailure as failure:
            answer = replies.of_exception(failure)
        except Exception:
            self.log.failure(
                "Bug at the end of a message",
                event="smtp.session.failed",
                session=self.client.peer.session,
            )
            answer = replies.LOCAL_TROUBLE
        return answer if isinstance(answer, Replies) else Replies((answer,) * due)

    def _again(self, transaction: Transaction, address: Address) -> Reply:
        """Section 4.2: "there must be one reply for each successful RCPT command"."""
        if len(transaction.places) >= self._profile.limits.recipients:
            return replies.TOO_MANY_RECIPIENTS
        transaction.repeat(address)
        return replies.RECIPIENT_OK

    def _begin(self, transaction: Transaction) -> None:
        if transaction.recipients:
            super()._begin(transaction)
        else:  # of BDAT alone
            transaction.fail(replies.NO_RECIPIENTS)

    def _fold(
        self, outcomes: Sequence[RecipientOutcome], transaction: Transaction
    ) -> Replies:
        return each(outcomes, transaction.places, transaction.id)

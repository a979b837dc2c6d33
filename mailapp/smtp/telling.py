"""Tells the journal what was accepted and what was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

from mailapp.core.peer import Peer
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind
from mailapp.message.fields import named
from mailapp.smtp.events import EndOfBody
from mailapp.smtp.grammar.command import Mail, Rcpt
from mailapp.smtp.grammar.reply import Answer
from mailapp.smtp.transaction import Transaction

_MESSAGE_ID: Final = b"message-id"
_LONGEST: Final = 300  # octets of a Message-ID


@frozen
class Telling:
    """The journal of a listener's sessions.

    Attributes:
        events: hears of it.
        now: seconds since the epoch.
    """

    events: IEvents
    now: Callable[[], float]

    def ended(self, transaction: Transaction, event: EndOfBody, answer: Answer) -> None:
        """A message came to its end and was answered."""
        origin, envelope = transaction.origin, transaction.envelope
        facts: dict[str, str | int | float] = {
            "sender": str(origin.reverse_path or "<>"),
            "message_id": message_id(event.header),
            "size": event.size_octets,
            "peer": origin.peer.address,
            "session": origin.peer.session,
        }
        if origin.account is not None:
            facts["account"] = origin.account
        if envelope is None:
            recipients, at = "", self.now()
        else:
            facts["protocol"] = envelope.protocol
            recipients = ", ".join([str(r.address) for r in envelope.recipients])
            at = envelope.received_at  # before what the commit told
        kind = Kind.ACCEPTED if answer.positive else Kind.REFUSED
        text = "" if answer.positive else answer.text
        self.events.tell(
            Event(kind, transaction.id, at, recipients, "", text, "", facts)
        )

    def refused(
        self, peer: Peer, transaction_id: str, command: Mail | Rcpt, answer: Answer
    ) -> None:
        """A sender or a recipient was refused.

        Args:
            peer: the client.
            transaction_id: empty before there is one: the session's id stands for it.
            command: what was refused.
            answer: with what words.
        """
        facts: dict[str, str | int | float] = {
            "peer": peer.address,
            "session": peer.session,
        }
        recipient = ""
        if isinstance(command, Mail):
            facts["sender"] = str(command.reverse_path or "<>")
        else:
            recipient = str(command.address)
        message = transaction_id or peer.session
        self.events.tell(
            Event(
                Kind.REFUSED, message, self.now(), recipient, "", answer.text, "", facts
            )
        )


def message_id(header: bytes) -> str:
    """The value of the first Message-ID field, or an empty text."""
    for start in named(header, _MESSAGE_ID):
        end = header.find(b"\n", start)
        value = header[start : end if end >= 0 else None]
        return value[:_LONGEST].strip().decode("utf-8", "replace")
    return ""

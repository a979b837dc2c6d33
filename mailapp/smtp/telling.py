"""Tells the journal what was accepted and what was refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from mailapp.core.envelope import Envelope
from mailapp.core.peer import Peer
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind
from mailapp.smtp.events import EndOfBody, EndOfChunk
from mailapp.smtp.grammar.command import Mail, Rcpt
from mailapp.smtp.grammar.reply import Answer, Replies, Reply
from mailapp.smtp.transaction import Transaction

_MESSAGE_ID: Final = re.compile(
    rb"\nmessage-id[ \t]*:([^\n]*)(\n[ \t])?", re.IGNORECASE
)
_LONGEST: Final = 300  # octets of a Message-ID
_MOST_READ: Final = 2000  # octets, folds included
_FIELD_END: Final = re.compile(rb"\n(?![ \t])")


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
        """A message came to its end and was answered.

        One event for all who were answered alike.
        """
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
            recipients, at = [], self.now()
        else:
            facts["protocol"] = envelope.protocol
            if transaction.terms:
                facts |= _wishes(envelope)
            recipients = [str(r.address) for r in envelope.recipients]
            at = envelope.received_at  # before what the commit told
        answered = {_refusal(answer): recipients}
        if isinstance(answer, Replies) and recipients:
            answered = _by_answer(recipients, transaction.places, answer)
        for text, whom in answered.items():
            kind = Kind.REFUSED if text else Kind.ACCEPTED
            self.events.tell(
                Event(kind, transaction.id, at, ", ".join(whom), "", text, "", facts)
            )

    def broken_off(
        self, transaction: Transaction, event: EndOfChunk, refusal: Reply
    ) -> None:
        """A chunk was refused, and the message with it."""
        self.ended(transaction, EndOfBody(event.size_octets), refusal)

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


def _refusal(answer: Answer) -> str:
    """Its words; empty, if it is none."""
    return "" if answer.positive else answer.text


def _by_answer(
    recipients: Sequence[str], places: Sequence[int], answers: Replies
) -> dict[str, list[str]]:
    """Who was answered what (RFC 2033, section 4.2): words of refusal, or none."""
    found: dict[str, list[str]] = {}
    told: set[int] = set()
    for place, reply in zip(places, answers.each, strict=True):
        if place not in told:
            told.add(place)
            found.setdefault(_refusal(reply), []).append(recipients[place])
    return found


def _wishes(envelope: Envelope) -> dict[str, int | float]:
    """When a message is to go, and before which others, if it said so."""
    found: dict[str, int | float] = {}
    if envelope.hold_until is not None:
        found["until"] = envelope.hold_until
    if envelope.priority:
        found["priority"] = envelope.priority
    return found


def message_id(header: bytes) -> str:
    """The value of the first Message-ID field in one line, or an empty text."""
    text = b"\n" + header
    first = text.lower().find(b"\nmessage-id")  # much faster than the pattern
    found = _MESSAGE_ID.search(text, first) if first >= 0 else None
    if found is None:
        return ""
    value = found[1]
    if found[2]:
        start = found.start(1)
        whole = _FIELD_END.split(found.string[start : start + _MOST_READ], 1)[0]
        value = b" ".join(whole.split())
    return value.strip()[:_LONGEST].rstrip().decode("utf-8", "replace")

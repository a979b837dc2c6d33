"""What waits, for whom, and what the last attempt brought, as values (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, unique
from typing import Final

from attrs import frozen

from mailapp.core.envelope import Envelope


@frozen
class Destination:
    """Where an entry's recipients go next; what concurrency is limited by.

    Attributes:
        key: a domain, an address literal, the name of a route (``smarthost``), or
            empty for the mailboxes of this server.
    """

    key: str

    @property
    def is_local(self) -> bool:
        """The mailboxes of this server."""
        return not self.key


LOCAL: Final = Destination("")


@unique
class Outcome(Enum):
    """What an attempt brought for one recipient."""

    DELIVERED = "delivered"  # in a mailbox here
    RELAYED = "relayed"  # the next server answers for it now
    DEFERRED = "deferred"  # not yet
    FAILED = "failed"  # never

    __hash__ = object.__hash__  # Enum's own is Python, and asked for each attempt


@frozen
class Attempt:
    """What was tried for one recipient.

    Attributes:
        outcome: what it brought.
        at: seconds since the epoch.
        status: the enhanced code with its class, for example ``5.1.1``.
        text: what was said: the reply of the next server (code and text, one line), or
            our own words.
        host: name and address of the next server: it said so, or our own words are
            about it (see :func:`mailapp.core.status.is_reply`); empty: there is none.
        dsn: the next server took over the duty to report (RFC 3461, section 5.2.2).
        expired: it failed since its time was up.
        expanded: an alias led to several addresses, not all of them here (RFC 3464,
            section 2.3.3).
    """

    outcome: Outcome
    at: float
    status: str
    text: str
    host: str = ""
    dsn: bool = False
    expired: bool = False
    expanded: bool = False


@frozen
class Entry:
    """One message in the queue, as far as it is known without its content.

    Attributes:
        envelope: as it is to be sent on; ``envelope.id`` names the entry.
        size_octets: of the content, with the trace fields of this hop.
        eight_bit: the content has octets above 127.
        queued_at: seconds since the epoch.
        attempts: how often something was tried for some of its recipients.
        last: the last attempt for each recipient of the envelope, in order; None:
            nothing was tried. ``DELIVERED``, ``RELAYED`` and ``FAILED`` are final.
            Empty: nothing was tried for any.
        due: for each recipient, seconds since the epoch before which it is not tried
            again. Empty: at once.
        held: nothing is tried until it is released.
        delay_told: its sender was told that it takes long.
        reported: places of the recipients whose end its sender was told of, or need
            not be told of.
    """

    envelope: Envelope
    size_octets: int
    eight_bit: bool
    queued_at: float
    attempts: int = 0
    last: Sequence[Attempt | None] = ()
    due: Sequence[float] = ()
    held: bool = False
    delay_told: bool = False
    reported: frozenset[int] = frozenset()

    @property
    def id(self) -> str:
        """Its name."""
        return self.envelope.id

    @property
    def waiting(self) -> Sequence[int]:
        """The places, in the envelope, of the recipients that are not done."""
        done = {
            place
            for place, attempt in enumerate(self.last)
            if attempt is not None and attempt.outcome is not Outcome.DEFERRED
        }
        return [n for n in range(len(self.envelope.recipients)) if n not in done]

    @property
    def next_attempt(self) -> float:
        """Seconds since the epoch, not before; 0: nothing keeps it from being tried."""
        if not self.due:
            return 0.0
        return min((self.due[place] for place in self.waiting), default=0.0)


@frozen
class Reported:
    """One recipient in a report.

    Attributes:
        place: of the recipient in the envelope.
        attempt: what happened; ``DEFERRED`` makes a report of delay.
    """

    place: int
    attempt: Attempt

"""What can happen to a message, as values (pure).

Every event carries the id of its transaction (``Envelope.id``): the one word by which a
message is found in replies, Received fields, logs, the queue and the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique

from attrs import frozen


@unique
class Kind(Enum):
    """The steps in the life of a message, in about the order in which they come."""

    REFUSED = "refused"  # a sender, a recipient, or the message at its end
    ACCEPTED = "accepted"  # the peer was told 250
    WRITTEN = "written"  # made here: a report about another message
    EXPANDED = "expanded"  # an alias or a list became other recipients
    DELIVERED = "delivered"  # lies in a mailbox here
    QUEUED = "queued"  # lies in the queue
    DEFERRED = "deferred"  # an attempt failed, another follows
    RELAYED = "relayed"  # the next server took it
    BOUNCED = "bounced"  # failed for good
    EXPIRED = "expired"  # failed for good, since time was up
    REPORTED = "reported"  # a report was sent to its sender
    HELD = "held"
    RELEASED = "released"
    DROPPED = "dropped"  # by the administrator
    DAMAGED = "damaged"  # its file in the queue is damaged, and put aside

    __hash__ = object.__hash__  # Enum's own is Python, and asked for each line


@frozen
class Event:
    """One step of one message.

    Attributes:
        kind: what happened.
        message: the transaction's id.
        at: seconds since the epoch.
        recipient: whom it concerns; empty: the whole message.
        status: enhanced code with its class, for example ``4.4.1``; empty: none.
        text: the cause in the words of who said it: one line.
        host: the other server, name and address, that said so or that our own words
            are about (see :func:`mailapp.core.status.is_reply`); empty: there is none.
        facts: what else is known, for example ``sender``, ``message_id``, ``peer``,
            ``size``, ``next`` (of the next attempt), and the ids of other messages that
            belong to it: ``report``, ``entry`` (a copy in the queue), ``parent``.
    """

    kind: Kind
    message: str
    at: float
    recipient: str = ""
    status: str = ""
    text: str = ""
    host: str = ""
    facts: Mapping[str, str | int | float] = {}

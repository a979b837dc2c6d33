"""Where mail goes and what became of it, as values (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from mailapp.core.address import Address
from mailapp.core.status import Status
from mailapp.directory.types import Local


@frozen
class Delivered:
    """The recipient has the message, durably."""


@frozen
class Failed:
    """The recipient does not have it.

    Attributes:
        permanent: 5yz, else 4yz.
    """

    status: Status
    permanent: bool


RecipientOutcome = Delivered | Failed


@frozen
class Route:
    """Where an accepted recipient's copies go.

    Attributes:
        address: the envelope recipient.
        local: the mailboxes here.
        remote: addresses elsewhere, for the queue.
    """

    address: Address
    local: Sequence[Local]
    remote: Sequence[Address] = ()

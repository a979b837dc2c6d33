"""Where mail goes and what became of it, as values (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from mailapp.core.address import Address, ReversePath
from mailapp.core.envelope import Recipient
from mailapp.core.status import Status
from mailapp.directory.types import Local, MailingList


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
        lists: distribution lists, whose posts go by the queue.
    """

    address: Address
    local: Sequence[Local]
    remote: Sequence[Address] = ()
    lists: Sequence[MailingList] = ()

    @property
    def stays(self) -> bool:
        """All of its copies end in mailboxes here."""
        return not self.remote and not self.lists

    @property
    def is_relayed(self) -> bool:
        """The address itself is elsewhere; it is no alias of ours."""
        return len(self.remote) == 1 and self.remote[0] == self.address


@frozen
class Forwarded:
    """A recipient of a copy, and for whose sake it gets one.

    Attributes:
        place: of the recipient in the message's envelope.
        recipient: whom the copy goes to.
    """

    place: int
    recipient: Recipient


@frozen
class Copy:
    """One entry of the queue: all that get the same octets from the same sender.

    Attributes:
        reverse_path: where failures go.
        recipients: in the order of the message's envelope.
        top: whole lines of its own, that stand above the trace field of this hop.
        post: the list whose post it is: its fields replace those of another list.
        is_own: the message as its sender sent it.
    """

    reverse_path: ReversePath
    recipients: Sequence[Forwarded]
    top: bytes = b""
    post: MailingList | None = None
    is_own: bool = False

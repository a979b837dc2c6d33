"""The seams of the queue: to put in, to carry on, to report, to look after."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from attrs import frozen
from zope.interface import Attribute, Interface

from mailapp.core.envelope import Envelope
from mailapp.queue.types import Attempt, Destination, Entry, Reported


class IQueuedBody(Interface):
    """Takes the content of one entry; dropped as a whole when it goes wrong."""

    def write(octets: bytes) -> Awaitable[None]:
        """Take the next octets (CRLF lines, with the trace fields of this hop).

        Raises:
            TemporaryFailure: out of space or local trouble.
        """

    def commit(envelope: Envelope) -> Awaitable[None]:
        """The entry is in the queue, durably, when this returns.

        Args:
            envelope: as it is to be sent on, with the recipients that are to be tried.

        Raises:
            TemporaryFailure: it is not in the queue; nothing of it is left.
        """

    def abort() -> None:
        """Forget it. Aborting twice, or after commit, is no error."""


class IQueue(Interface):
    """Takes messages that go on from here. Serves all sessions of a process."""

    def stage() -> IQueuedBody:
        """Begin an entry. Nothing is visible before its commit."""


class IQueueAdministration(Interface):
    """What an administrator does with entries; each takes effect at once.

    An id that is not there raises KeyError.
    """

    def entries(destination: str = "") -> AsyncIterator[Entry]:
        """All entries, or those with a waiting recipient in this domain."""

    def entry(entry_id: str) -> Awaitable[Entry]:
        """One."""

    def retry(entry_id: str) -> Awaitable[None]:
        """Try it now."""

    def flush(destination: str) -> Awaitable[int]:
        """Try now all that wait for this domain (ETRN, RFC 1985); how many."""

    def hold(entry_id: str) -> Awaitable[None]:
        """Try it no more until it is released."""

    def release(entry_id: str) -> Awaitable[None]:
        """Undo a hold, and try it now."""

    def drop(entry_id: str) -> Awaitable[None]:
        """Remove it without a word to its sender."""


class IContent(Interface):
    """The content of an entry, readable while it is being carried."""

    size_octets = Attribute("Octets of the whole content.")

    def read(start: int, length: int) -> Awaitable[bytes]:
        """Up to ``length`` octets from ``start``; none at the end.

        Raises:
            TemporaryFailure: the disk does not give them.
        """


def unheard() -> None:
    """Nobody wants to know when a consignment is sent."""


@frozen
class Consignment:
    """What a carrier is asked to carry.

    Attributes:
        entry: the message.
        places: those of its recipients that are to be tried, in their order.
        destination: where all of them go.
        content: what is sent.
        sent: called by a carrier when nothing is left to do but to hear how it ended,
            and another one for the destination could begin behind it.
    """

    entry: Entry
    places: Sequence[int]
    destination: Destination
    content: IContent
    sent: Callable[[], object] = unheard


class ICarrier(Interface):
    """Carries messages to the next place. It keeps connections for reuse itself."""

    def carry(consignment: Consignment) -> Awaitable[Sequence[Attempt]]:
        """Try once; one attempt per place, in order.

        What a peer, the network or DNS does is an attempt, never an exception.
        """


class IReporter(Interface):
    """Sends delivery status notifications (RFC 3464)."""

    def report(
        entry: Entry, recipients: Sequence[Reported], content: IContent
    ) -> Awaitable[str | None]:
        """Tell the sender, as far as it asked and may be told; durable at return.

        Nothing is sent to a null reverse-path, nor where NOTIFY says so.

        Returns:
            The id of the report; None: none was due.

        Raises:
            TemporaryFailure: it could not be stored; ask again later.
        """

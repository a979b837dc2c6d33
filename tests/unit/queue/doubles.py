"""A queue, a journal and a reporter that remember what they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import Factory, define
from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.failures import TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.core.status import SYSTEM_FULL
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind
from mailapp.queue.interfaces import IContent, IQueue, IQueuedBody, IReporter
from mailapp.queue.types import Entry, Reported

CAROL = Address("carol", "example.net")
DAVE = Address("dave", "example.org")


def queued_envelope(*recipients: Recipient, **changes: Any) -> Envelope:
    """An envelope from carol, elsewhere."""
    values: dict[str, Any] = {
        "id": "T1",
        "reverse_path": CAROL,
        "recipients": recipients,
        "peer": Peer("192.0.2.7"),
        "helo": "client.example.net",
        "protocol": "ESMTP",
        "received_at": 1_000_000_000.0,
    }
    return Envelope(**{**values, **changes})


@define
class Queued:
    """One entry that was committed."""

    envelope: Envelope
    content: bytes

    @property
    def sender(self) -> str:
        """Its reverse-path, empty for ``<>``."""
        path = self.envelope.reverse_path
        return "" if path is None else str(path)

    @property
    def recipients(self) -> list[str]:
        """To whom."""
        return [str(recipient.address) for recipient in self.envelope.recipients]


@implementer(IQueuedBody)
class FakeQueuedBody:
    """Keeps chunks until its commit."""

    def __init__(self, queue: FakeQueue) -> None:
        self.queue = queue
        self.chunks: list[bytes] = []
        self.open = True

    async def write(self, octets: bytes) -> None:
        """Keep it, or fail as the test wants."""
        if not self.open:
            raise AssertionError("written after its end")
        if self.queue.write_failure is not None:
            raise self.queue.write_failure
        self.chunks.append(octets)

    async def commit(self, envelope: Envelope) -> None:
        """Keep the entry, or fail as the test wants."""
        queue = self.queue
        if not self.open:
            raise AssertionError("committed after its end")
        if not envelope.recipients:
            raise AssertionError("nobody to send it to")
        if envelope.id in {entry.envelope.id for entry in queue.entries}:
            raise AssertionError("two entries of one name")
        if len(queue.entries) >= queue.room:
            raise TemporaryFailure(SYSTEM_FULL)
        self.abort()
        queue.entries.append(Queued(envelope, b"".join(self.chunks)))

    def abort(self) -> None:
        """Forget it."""
        self.open = False
        if self in self.queue.open_bodies:
            self.queue.open_bodies.remove(self)


@implementer(IQueue)
@define(eq=False)
class FakeQueue:
    """A queue that takes ``room`` entries.

    Attributes:
        entries: those committed, in order.
        open_bodies: those neither committed nor aborted.
        write_failure: raised by every write.
        room: how many commits succeed.
    """

    entries: list[Queued] = Factory(list)
    open_bodies: list[FakeQueuedBody] = Factory(list)
    write_failure: TemporaryFailure | None = None
    room: int = 1_000_000

    def stage(self) -> FakeQueuedBody:
        """Begin an entry."""
        self.open_bodies.append(FakeQueuedBody(self))
        return self.open_bodies[-1]


@implementer(IEvents)
class Journal:
    """Keeps all events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def told(self, kind: Kind) -> list[str]:
        """The recipients of all events of a kind."""
        return [event.recipient for event in self.events if event.kind is kind]


@implementer(IReporter)
class FakeReporter:
    """Keeps what it is to report."""

    def __init__(self, failure: TemporaryFailure | None = None) -> None:
        self.failure = failure
        self.reports: list[tuple[Entry, Sequence[Reported], bytes]] = []

    async def report(
        self, entry: Entry, recipients: Sequence[Reported], content: IContent
    ) -> str | None:
        """Keep it, or fail as the test wants."""
        if self.failure is not None:
            raise self.failure
        octets = await content.read(0, content.size_octets)
        self.reports.append((entry, recipients, octets))
        return f"R{len(self.reports)}"

"""What tests of the queue are played with: a spool, a carrier that misbehaves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope, Notify, Recipient
from mailapp.core.peer import Peer
from mailapp.events.interfaces import IEvents
from mailapp.events.record import Event, Kind
from mailapp.net.steps import finish
from mailapp.net.threads import inline
from mailapp.queue.carrying import Services
from mailapp.queue.custody import Custody
from mailapp.queue.dispatch import Dispatcher
from mailapp.queue.interfaces import Consignment, ICarrier, IContent, IReporter
from mailapp.queue.lanes import Limits
from mailapp.queue.reading import read_octets
from mailapp.queue.schedule import Schedule
from mailapp.queue.spool import Spool
from mailapp.queue.tray import sections
from mailapp.queue.types import Attempt, Destination, Entry, Outcome, Reported
from mailapp.storage.files import Files

BEGIN = 1_800_000_000.0
TEXT = b"Subject: x\r\n\r\nHello.\r\n"
SENDER = Address("alice", "example.test")


def envelope(
    entry_id: str = "m1",
    *recipients: str,
    sender: Address | None = SENDER,
    notify: Notify | None = None,
    **more: Any,
) -> Envelope:
    """An envelope; recipients are ``local@domain``, or bob at far.test."""
    addresses = [
        Address(*text.split("@")) for text in (recipients or ("bob@far.test",))
    ]
    return Envelope(
        entry_id,
        sender,
        tuple(Recipient(address, notify=notify) for address in addresses),
        Peer("192.0.2.1"),
        "client.test",
        "ESMTP",
        BEGIN,
        **more,
    )


def domain_of(address: Address) -> Destination:
    """Each domain is a destination."""
    return Destination(address.domain)


def attempt(outcome: Outcome, at: float, status: str = "") -> Attempt:
    """An attempt with the usual status."""
    usual = {
        Outcome.DELIVERED: "2.0.0",
        Outcome.RELAYED: "2.0.0",
        Outcome.DEFERRED: "4.2.0",
        Outcome.FAILED: "5.1.1",
    }
    return Attempt(outcome, at, status or usual[outcome], "as told", host="mx.test")


def in_trays(queue: Path) -> list[str]:
    """The names of the entries that wait in the trays of a queue."""
    names = []
    for path in (queue / "trays").iterdir():
        octets = path.read_bytes()
        for section in sections(path.name, octets):
            start = section.place.entry_start
            if section.waits:
                entry, _ = read_octets(octets[start : start + section.place.octets])
                names.append(entry.id)
    return names


Answer = Callable[[Consignment, int], Attempt]


@define(eq=False)
@implementer(ICarrier)
class FakeCarrier:
    """Answers as it is told, at once or when it is let.

    Attributes:
        answer: gives the attempt for a recipient (by its place).
        held: keep consignments until :meth:`release`.
        carried: entry and address of each recipient that was tried.
        taken: those that the next server took.
    """

    clock: Clock
    answer: Answer | None = None
    held: bool = False
    carried: list[tuple[str, str]] = field(factory=list)
    taken: list[tuple[str, str]] = field(factory=list)
    contents: list[bytes] = field(factory=list)
    waiting: list[tuple[Consignment, Deferred[None]]] = field(factory=list)
    most: int = 0

    async def carry(self, consignment: Consignment) -> Sequence[Attempt]:
        """See :class:`ICarrier`."""
        entry = consignment.entry
        names = [str(entry.envelope.recipients[p].address) for p in consignment.places]
        self.carried.extend((entry.id, name) for name in names)
        if self.held:
            told: Deferred[None] = Deferred()
            self.waiting.append((consignment, told))
            self.most = max(self.most, len(self.waiting))
            await told
        self.contents.append(await consignment.content.read(0, 1 << 20))
        attempts = []
        for place, name in zip(consignment.places, names, strict=True):
            given = (
                attempt(Outcome.RELAYED, self.clock.seconds())
                if self.answer is None
                else self.answer(consignment, place)
            )
            if given.outcome in {Outcome.RELAYED, Outcome.DELIVERED}:
                self.taken.append((entry.id, name))
            attempts.append(given)
        return attempts

    def release(self, number: int = 0) -> None:
        """Let a consignment that is kept go on."""
        _, told = self.waiting.pop(number)
        told.callback(None)


@define(eq=False)
@implementer(IReporter)
class FakeReporter:
    """Keeps what it is told to report."""

    reports: list[tuple[str, list[tuple[int, Outcome]]]] = field(factory=list)
    problem: Exception | None = None

    async def report(
        self, entry: Entry, recipients: Sequence[Reported], content: IContent
    ) -> str | None:
        """See :class:`IReporter`."""
        del content
        if self.problem is not None:
            raise self.problem
        told = [(one.place, one.attempt.outcome) for one in recipients]
        self.reports.append((entry.id, told))
        return f"r{len(self.reports)}"


@define(eq=False)
@implementer(IEvents)
class FakeEvents:
    """Keeps events."""

    events: list[Event] = field(factory=list)

    def tell(self, event: Event) -> None:
        """See :class:`IEvents`."""
        self.events.append(event)

    def kinds(self, entry_id: str) -> list[Kind]:
        """What happened to an entry."""
        return [e.kind for e in self.events if e.message == entry_id]


@define(eq=False)
class Post:
    """A whole queue on some disk, as one process has it."""

    directory: Path
    files: Files
    clock: Clock
    limits: Limits = field(factory=Limits)
    schedule: Schedule = field(factory=lambda: Schedule(jitter=0.0))
    in_thread: Any = inline
    carrier: FakeCarrier = field(init=False)
    reporter: FakeReporter = field(factory=FakeReporter)
    events: FakeEvents = field(factory=FakeEvents)
    spool: Spool = field(init=False)
    custody: Custody = field(init=False)
    dispatcher: Dispatcher = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Put it together."""
        self.carrier = FakeCarrier(self.clock)
        self.spool = Spool(self.directory, self.in_thread, self.files, self.clock)
        self.custody = Custody(self.spool, self.events)
        self.dispatcher = Dispatcher(
            self.custody,
            Services(self.carrier, self.reporter, self.events, domain_of),
            schedule=self.schedule,
            limits=self.limits,
            random=lambda: 0.5,
        )

    def start(self) -> None:
        """Become the postman."""
        finish(self.custody.take())
        self.spool.arrived = self.dispatcher.accept
        self.dispatcher.start()

    def end(self) -> None:
        """As a process that dies: nothing is tidied up but its lock."""
        self.dispatcher.stop()
        self.custody.give_up()

    def put(self, of: Envelope, text: bytes = TEXT) -> None:
        """Put a message into the queue."""
        body = self.spool.stage()
        finish(body.write(text))
        finish(body.commit(of))

    def entries(self) -> list[Entry]:
        """What is in the queue."""

        async def collect() -> list[Entry]:
            return [one.entry async for some in self.custody.all() for one in some]

        return sorted(finish(collect()), key=lambda entry: entry.id)


class PostCase(SynchronousTestCase):
    """A queue on a real disk."""

    limits = Limits()
    files: Files = Files()

    def setUp(self) -> None:
        """An empty queue, and its postman."""
        self.folder = Path(tempfile.mkdtemp(prefix="mailapp-queue-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.clock = Clock()
        self.clock.advance(BEGIN)
        self.post = self.new_post()
        self.post.start()

    def new_post(self) -> Post:
        """Another process on the same queue."""
        post = Post(self.folder / "queue", self.files, self.clock, limits=self.limits)
        self.addCleanup(post.end)
        return post

    def restart(self) -> None:
        """The process dies, and another begins."""
        answer = self.post.carrier.answer
        self.post.end()
        self.post = self.new_post()
        self.post.carrier.answer = answer
        self.post.start()

    def wait(self, seconds: float) -> None:
        """Let time pass; what is due happens at its time."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            calls = self.clock.getDelayedCalls()
            times = [call.getTime() for call in calls if call.getTime() <= end]
            due = min(times, default=end)
            self.clock.advance(max(due - self.clock.seconds(), 1e-3))

    def always(self, outcome: Outcome, status: str = "") -> None:
        """The carrier answers so from now on."""
        self.post.carrier.answer = lambda _consignment, _place: attempt(
            outcome, self.clock.seconds(), status
        )

    def left(self) -> list[str]:
        """Files of entries, and what waits in trays, when removals are at their end."""
        self.wait(0.2)
        queue = self.folder / "queue"
        files = [path.name for path in (queue / "entries").iterdir()]
        return sorted(files + in_trays(queue))

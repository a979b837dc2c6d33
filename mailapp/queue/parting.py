"""The content of one message on its way to mailboxes here and to the queue.

It is written to each while it streams in. At its end:

1. The mailboxes here are served first. Who can't have it now, while others' copies go
   to the queue, goes there too, under the address that the client gave, and is begun
   again from there with all that this address leads to.
2. Then the entries of the queue are committed.

If an entry can't be kept, its recipients and those of the entries behind it have failed
for now, and the client tries again; a mailbox that was served may get a second copy.
RFC 5321, section 6.1 forbids to lose the message; nothing forbids a duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import define
from twisted.logger import Logger
from zope.interface import implementer

from mailapp.core.envelope import Envelope, Notify, Recipient
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import ROUTING_LOOP, SYSTEM_TROUBLE, Status
from mailapp.delivery.copies import envelope_of
from mailapp.delivery.fanout import DELIVERED
from mailapp.delivery.interfaces import IBody
from mailapp.delivery.lists import (
    is_delivered_to,
    refusal,
    refusal_by_header,
    without_list_fields,
)
from mailapp.delivery.types import Copy, Failed, RecipientOutcome, Route
from mailapp.events.interfaces import IEvents
from mailapp.message.fields import HeaderScanner, parse_header
from mailapp.queue.content import Octets
from mailapp.queue.endings import ending, ends
from mailapp.queue.interfaces import IQueuedBody, IReporter
from mailapp.queue.marks import Marks
from mailapp.queue.telling import tell_queued, tell_reported
from mailapp.queue.types import Entry, Reported

_HEADER_TOO_BIG = Status(3, 4, "the header is too big for a list")


def wants_success(envelope: Envelope) -> bool:
    """Somebody wants to hear of success, and can be told."""
    if envelope.reverse_path is None:
        return False
    return any(map(_asks, envelope.recipients))


def _asks(recipient: Recipient) -> bool:
    return recipient.notify is not None and Notify.SUCCESS in recipient.notify


@define(eq=False)
class Part:
    """One entry of the queue in the making.

    Attributes:
        copy: whom it goes to.
        name: the entry's id.
        body: of the queue.
        above: what stands above the content; empty once it is written.
    """

    copy: Copy
    name: str
    body: IQueuedBody
    above: bytes

    async def write(self, octets: bytes) -> None:
        """The next octets of the content."""
        if self.above:
            octets, self.above = self.above + octets, b""
        if octets:
            await self.body.write(octets)


@implementer(IBody)
class Parting:
    """Writes to all, then commits to one after the other.

    Args:
        envelope: of the message.
        routes: of its recipients.
        local: for the mailboxes here; None: there are none.
        parts: for the queue; owned by the body from now on.
        keeps: the first part also takes those whose mailbox can't have it now.
        events: told of what goes to the queue.
        reporter: tells the sender of what is done at once; None: nobody asked.
    """

    log: ClassVar = Logger()

    def __init__(  # noqa: PLR0913 - what a message consists of
        self,
        envelope: Envelope,
        routes: Sequence[Route],
        local: IBody | None,
        parts: Sequence[Part],
        *,
        keeps: bool,
        events: IEvents,
        reporter: IReporter | None,
    ) -> None:
        self._envelope = envelope
        self._routes = routes
        self._local = local
        self._parts = list(parts)
        self._posts = [part for part in parts if part.copy.post is not None]
        self._keeps = keeps
        self._events = events
        self._reporter = reporter
        self._header: HeaderScanner | None = None
        if reporter is not None or any(map(_may_refuse, routes)):
            self._header = HeaderScanner()
        self._marks = Marks()
        self._open = True

    async def write(self, octets: bytes) -> None:
        """Take the next octets of the content.

        Raises:
            TemporaryFailure: one of the places does not take them, or the message was
                aborted.
        """
        if not self._open:
            raise TemporaryFailure(SYSTEM_TROUBLE)
        self._marks.feed(octets)
        if self._local is not None:
            await self._local.write(octets)
        for part in self._parts:
            if part.copy.post is None:
                await part.write(octets)
        if self._header is not None:
            await self._scan(self._header, octets)

    async def _scan(self, header: HeaderScanner, octets: bytes) -> None:
        """Look at the header; posts get theirs when it is complete."""
        waited = not header.complete
        header.feed(octets)
        if header.body_start is None:
            return
        if waited:
            behind = self._marks.size_octets - header.body_start
            octets = octets[len(octets) - behind :]
            await self._write_header(header)
        for part in self._posts:
            await part.write(octets)

    async def _write_header(self, header: HeaderScanner) -> None:
        if not self._posts:
            return
        octets = bytes(header.header)
        octets = without_list_fields(octets, parse_header(octets))
        for part in self._posts:
            await part.write(octets)

    async def commit(self) -> Sequence[RecipientOutcome]:
        """Deliver and queue; one outcome per recipient, in order.

        Raises:
            TemporaryFailure: the message was aborted or committed before.
        """
        if not self._open:
            raise TemporaryFailure(SYSTEM_TROUBLE)
        try:
            if self._header is not None and not self._header.complete:
                await self._write_header(self._header)
            return await self._commit()
        finally:
            self.abort()

    def abort(self) -> None:
        """Forget what was not committed."""
        self._open = False
        local, self._local = self._local, None
        if local is not None:
            local.abort()
        while self._parts:
            self._parts.pop().body.abort()

    async def _commit(self) -> Sequence[RecipientOutcome]:
        outcomes = await self._served()
        failed = {n for n, outcome in enumerate(outcomes) if outcome != DELIVERED}
        kept = {n for n in failed if self._keeps and not _is_final(outcomes[n])}
        problem: Status | None = None
        while self._parts:
            part = self._parts.pop(0)
            places = {to.place for to in part.copy.recipients} - failed
            if part.copy.is_own:
                places |= kept
            if problem is None and places:
                problem = await self._commit_part(part, places)
            else:
                part.body.abort()
            outcome = Failed(problem, permanent=False) if problem else DELIVERED
            for place in places:
                outcomes[place] = outcome
        if not self._open:  # aborted meanwhile, and not all was committed
            raise TemporaryFailure(SYSTEM_TROUBLE)
        await self._report(outcomes, kept)
        return outcomes

    async def _served(self) -> list[RecipientOutcome]:
        """What became of each recipient here, before anything is queued."""
        outcomes: list[RecipientOutcome] = [DELIVERED] * len(self._routes)
        refused = {} if self._header is None else self._refused(self._header)
        if self._local is not None and len(refused) < len(outcomes):
            outcomes = list(await self._local.commit())
            self._local = None
        for place, status in refused.items():
            outcomes[place] = Failed(status, permanent=True)
        return outcomes

    async def _commit_part(self, part: Part, places: set[int]) -> Status | None:
        """Put an entry in the queue; why that failed, or None."""
        envelope, copy = self._envelope, part.copy
        recipients = [to.recipient for to in copy.recipients if to.place in places]
        own = {to.place for to in copy.recipients}
        recipients += [envelope.recipients[n] for n in sorted(places - own)]
        entry = envelope_of(copy, envelope, recipients, part.name)
        try:
            await part.write(b"")  # what stands above a content of no octets
            await part.body.commit(self._marks.label(entry))
        except TemporaryFailure as failure:
            part.body.abort()
            self.log.warn(
                "message {transaction} is not in the queue: {status}",
                event="queue.intake.failed",
                transaction=envelope.id,
                status=failure.status,
            )
            return failure.status
        routes = [self._routes[place] for place in sorted(places)]
        tell_queued(self._events, envelope, entry, copy, routes)
        return None

    def _refused(self, scanner: HeaderScanner) -> dict[int, Status]:
        """Recipients whose alias or list does not send this message on."""
        header = parse_header(bytes(scanner.header))
        refused: dict[int, Status] = {}
        for place, route in enumerate(self._routes):
            if not _may_refuse(route):
                continue
            if is_delivered_to(header, route.address):
                refused[place] = ROUTING_LOOP
            for post in route.lists:
                status = refusal(post, self._envelope.reverse_path)
                if scanner.overflowing:
                    status = status or _HEADER_TOO_BIG
                status = status or refusal_by_header(post, header)
                if status is not None:
                    refused.setdefault(place, status)
        return refused

    async def _report(
        self, outcomes: Sequence[RecipientOutcome], kept: set[int]
    ) -> None:
        """Tell the sender of success, where it asked and no other will tell."""
        if self._reporter is None or self._header is None:
            return
        envelope = self._envelope
        reported = [
            Reported(place, ending(route, envelope.received_at))
            for place, route in enumerate(self._routes)
            if outcomes[place] == DELIVERED
            and place not in kept
            and ends(route)
            and _asks(envelope.recipients[place])
        ]
        if not reported:
            return
        entry = Entry(
            self._marks.label(envelope),
            self._marks.size_octets,
            self._marks.eight_bit,
            envelope.received_at,
        )
        content = Octets(bytes(self._header.header))
        try:
            report = await self._reporter.report(entry, reported, content)
        except TemporaryFailure as failure:
            # The mail is delivered; to refuse it now would only make a second copy.
            self.log.warn(
                "no report of message {transaction}: {status}",
                event="queue.report.failed",
                transaction=envelope.id,
                status=failure.status,
            )
        else:
            if report is not None:
                tell_reported(self._events, envelope, len(reported), report)


def _may_refuse(route: Route) -> bool:
    """An alias that leaves, or a list: it looks at what it sends on."""
    return not route.stays and not route.is_relayed


def _is_final(outcome: RecipientOutcome) -> bool:
    return isinstance(outcome, Failed) and outcome.permanent

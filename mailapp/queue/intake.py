"""From an accepted message to mailboxes and the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, evolve
from zope.interface import implementer

from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.delivery.copies import held_back, plan
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.lists import fields_of
from mailapp.delivery.srs import SenderRewriting
from mailapp.delivery.stamp import hop, policy_fields
from mailapp.delivery.types import Copy, Route
from mailapp.events.interfaces import IEvents
from mailapp.queue.interfaces import IQueue, IReporter
from mailapp.queue.parting import Part, Parting, wants_success


@implementer(IDelivery)
@define(eq=False)
class Intake:
    """Local delivery with the queue beside it; one serves all sessions of a process.

    A message whose recipients are all here goes straight to local delivery.

    Attributes:
        local: for the mailboxes here; its routes may lead elsewhere.
        queue: for all else.
        events: told of what goes to the queue.
        hostname: the name of this server in the ``by`` clause of its Received field.
        now: seconds since the epoch.
        token: a new id; entries beside the message's own one are named by it.
        rewriting: makes the senders of forwarded mail; None: they stay as they are.
        reporter: sends the reports of success that are due at once; None: there are
            none, as for what the reporter itself sends.
        from_queue: what is begun comes from the queue: it has the Received field of
            this hop, its time to wait is over, and who can't have it stays there.
    """

    local: IDelivery
    queue: IQueue
    events: IEvents
    hostname: str
    now: Callable[[], float]
    token: Callable[[], str]
    rewriting: SenderRewriting | None = None
    reporter: IReporter | None = None
    from_queue: bool = False

    async def route(self, address: Address, *, relays: bool = False) -> Route:
        """Where mail for this recipient would go.

        Raises:
            PermanentFailure: unknown (550 5.1.1); relaying denied, or an address that
                forwarding made and that is forged or too old (550 5.7.1).
            TemporaryFailure: the directory or the store does not answer, a mailbox is
                full.
        """
        rewriting = self.rewriting
        if rewriting is None or not rewriting.is_made_here(address):
            return await self.local.route(address, relays=relays)
        sender = rewriting.reverse(address, self.now())
        return evolve(await self.local.route(sender, relays=True), address=address)

    def begin(
        self,
        envelope: Envelope,
        routes: Sequence[Route],
        fields: Sequence[tuple[str, str]] = (),
    ) -> IBody:
        """Begin the message; see :class:`IDelivery`."""
        reporter = self.reporter
        if reporter is not None and not wants_success(envelope):
            reporter = None
        if envelope.hold_until is not None and not self.from_queue:
            # RFC 4865, section 4: nobody has it before its time, here or elsewhere
            routes = held_back(envelope)
        elif reporter is None and _all_stay(routes):
            return self.local.begin(envelope, routes, fields)
        copies = plan(envelope, routes, self._rewritten)
        top = policy_fields(envelope, fields)
        if not self.from_queue:
            top = hop(envelope, self.hostname, fields)
        local = None
        if any(route.local for route in routes):
            local = self.local.begin(envelope, routes, fields)
        keeps = local is not None and bool(copies) and not self.from_queue
        if keeps and not copies[0].is_own:
            # for mailboxes that can't take it now
            copies = [Copy(envelope.reverse_path, (), is_own=True), *copies]
        return Parting(
            envelope,
            routes,
            local,
            [self._part(envelope, copy, top) for copy in copies],
            keeps=keeps,
            events=self.events,
            reporter=reporter,
        )

    def _part(self, envelope: Envelope, copy: Copy, top: bytes) -> Part:
        """An entry for a copy; the one under the sender's name has the message's id."""
        name = envelope.id
        if not copy.is_own:
            # the message may be such an entry itself: no name grows with each list
            name = f"{name.partition('-')[0]}-{self.token()[-8:]}"
        above = copy.top + top + (fields_of(copy.post) if copy.post else b"")
        return Part(copy, name, self.queue.stage(), above)

    def _rewritten(self, sender: Address) -> Address:
        if self.rewriting is None:
            return sender
        return self.rewriting.rewrite(sender, self.now())


def _all_stay(routes: Sequence[Route]) -> bool:
    """Asked for every message: a loop costs less than ``all()``."""
    for route in routes:  # noqa: SIM110 - see above
        if route.remote or route.lists:
            return False
    return True

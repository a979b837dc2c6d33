"""Carries what waits for mailboxes here: of lists, and what found local trouble."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve
from zope.interface import implementer

from mailapp.core.failures import (
    DeliveryFailure,
    PermanentFailure,
    TemporaryFailure,
)
from mailapp.core.status import SYSTEM_TROUBLE, Status
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Failed, RecipientOutcome, Route
from mailapp.queue.endings import ending
from mailapp.queue.interfaces import Consignment, ICarrier, IContent
from mailapp.queue.types import Attempt, Outcome

_CHUNK: Final = 65_536
_CODES: Final = {True: 500, False: 400}


@implementer(ICarrier)
class LocalCarrier:
    """Puts entries into the mailboxes of this server.

    Args:
        delivery: the same that receives; it adds Return-Path and a Received of its own.
        now: seconds since the epoch.
    """

    def __init__(self, delivery: IDelivery, now: Callable[[], float]) -> None:
        self._delivery = delivery
        self._now = now

    async def carry(self, consignment: Consignment) -> Sequence[Attempt]:
        """Try once; see :class:`ICarrier`."""
        envelope = consignment.entry.envelope
        attempts: dict[int, Attempt] = {}
        routes: dict[int, Route] = {}
        for place in consignment.places:
            address = envelope.recipients[place].address
            try:
                routes[place] = await self._delivery.route(address)
            except DeliveryFailure as problem:
                attempts[place] = self._failed(problem)
        if routes:
            chosen = evolve(
                envelope, recipients=[envelope.recipients[place] for place in routes]
            )
            body = self._delivery.begin(chosen, list(routes.values()))
            try:
                outcomes = await _deliver(body, consignment.content)
            except DeliveryFailure as problem:
                body.abort()
                attempts.update(dict.fromkeys(routes, self._failed(problem)))
            except BaseException:
                body.abort()
                raise
            else:
                for place, outcome in zip(routes, outcomes, strict=True):
                    attempts[place] = self._told(routes[place], outcome)
        return [attempts[place] for place in consignment.places]

    def _told(self, route: Route, outcome: RecipientOutcome) -> Attempt:
        if isinstance(outcome, Failed):
            return self._attempt(outcome.status, permanent=outcome.permanent)
        return ending(route, self._now())

    def _failed(self, problem: DeliveryFailure) -> Attempt:
        permanent = isinstance(problem, PermanentFailure)
        return self._attempt(problem.status, permanent=permanent)

    def _attempt(self, status: Status, *, permanent: bool) -> Attempt:
        outcome = Outcome.FAILED if permanent else Outcome.DEFERRED
        code = status.enhanced(_CODES[permanent])
        return Attempt(outcome, self._now(), code, status.text)


async def _deliver(body: IBody, content: IContent) -> Sequence[RecipientOutcome]:
    """Copy the content and commit.

    Raises:
        DeliveryFailure: it is not to be read or not to be written.
    """
    position = 0
    while position < content.size_octets:
        octets = await content.read(position, _CHUNK)
        if not octets:
            raise TemporaryFailure(SYSTEM_TROUBLE)
        await body.write(octets)
        position += len(octets)
    outcomes: Sequence[RecipientOutcome] = await body.commit()
    return outcomes

"""Carries messages to other servers, and keeps connections for the next message.

A message goes over a connection that is idle, if there is one for its destination:
nothing is looked up, nothing is negotiated. Else :mod:`mailapp.relay.sessions` opens
one. Once a server has said anything about a recipient, that is the recipient's word for
this attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from zope.interface import implementer

from mailapp.core.failures import DeliveryFailure, TemporaryFailure
from mailapp.message.fields import parse_header
from mailapp.queue.interfaces import Consignment, ICarrier, unheard
from mailapp.queue.types import Attempt
from mailapp.relay.channel import Channel
from mailapp.relay.consignment import Carriage
from mailapp.relay.conversion import header_of, wants_another
from mailapp.relay.interfaces import ITLSPolicies
from mailapp.relay.link import Environment
from mailapp.relay.pool import Key, Pool
from mailapp.relay.routes import Route, Routes
from mailapp.relay.sessions import NoSession, Sessions
from mailapp.relay.tlspolicy import OPPORTUNISTIC, Level, TLSPolicy, for_message
from mailapp.smtp.answers import Answer
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.client import LOST
from mailapp.smtp.client_states import Finished, Trouble

_CLOSING: Final = 421
_NO_PROGRESS: Final = Trouble("4.5.3", "the next server takes no more recipients now")


@implementer(ICarrier)
class Relay:
    """The carrier of all that goes out.

    Args:
        around: clock, threads and TLS of its connections.
        sessions: opens them.
        routes: what goes where.
        policies: the TLS that domains ask for.
    """

    def __init__(
        self,
        around: Environment,
        sessions: Sessions,
        routes: Routes,
        policies: ITLSPolicies,
    ) -> None:
        self.routes: Final = routes
        self._around = around
        self._sessions = sessions
        self._policies = policies
        self._pool = Pool(around.clock.seconds)

    async def carry(self, consignment: Consignment) -> Sequence[Attempt]:
        """Try once; see :class:`ICarrier`."""
        carriage = Carriage(consignment, self._around.in_thread)
        destination = consignment.destination
        route = self.routes.route_of(destination)
        try:
            policy = await self._policy(route, consignment)
        except DeliveryFailure as problem:
            word = Trouble(problem.status.enhanced(400), problem.status.text)
            carriage.settle(word, self._around.now(), "")
            return carriage.attempts

        def converts(offered: Capabilities) -> bool:
            return wants_another(consignment.entry, offered)

        key: Key = (destination.key, policy.level + 10 * policy.require_tls)
        while carriage.waiting:
            left = len(carriage.waiting)
            channel = self._pool.take(key)
            fresh = channel is None
            if channel is None:
                opened = await self._sessions.open(
                    route, destination.key, policy, converts
                )
                if isinstance(opened, NoSession):
                    carriage.settle(opened.word, self._around.now(), opened.host)
                    break
                channel = opened
                self._pool.use(key, channel)
            try:
                await self._use(channel, carriage)
            except BaseException:
                channel.abort()
                self._pool.release(key, channel)
                raise
            self._pool.release(key, channel)
            if fresh and len(carriage.waiting) == left:
                carriage.settle(_NO_PROGRESS, self._around.now(), str(channel.hop))
        return carriage.attempts

    def close(self) -> None:
        """Let idle connections say goodbye, and break off the others."""
        self._pool.close()
        self._sessions.close()

    # Over one connection.

    async def _use(self, channel: Channel, carriage: Carriage) -> None:
        """As many transactions as it takes, and as the server allows."""
        now = self._around.now()
        fitted = await carriage.fit_to(channel, now)
        if isinstance(fitted, Trouble):
            carriage.settle(fitted, now, str(channel.hop))
            return
        while carriage.waiting:
            places = carriage.next_places(channel)
            if not places:
                return
            used_before = channel.client.transactions
            outgoing = carriage.outgoing(places, fitted)
            last = len(places) == len(carriage.waiting)
            sent = carriage.sent if last else unheard
            finished = await channel.send(outgoing, fitted.content, sent)
            if finished is None:
                return
            if finished.followed and not finished.heard:
                self._pool.leave_alone(channel)
            if used_before and _was_stale(finished):
                return
            before = len(carriage.waiting)
            carriage.hear(places, finished.words, self._around.now(), channel)
            if len(carriage.waiting) == before:
                return

    async def _policy(self, route: Route, consignment: Consignment) -> TLSPolicy:
        if route.tls is not None:
            policy = TLSPolicy(route.tls)
        else:
            policy = await self._policy_of_domain(consignment)
        return for_message(policy, consignment.entry.envelope)

    async def _policy_of_domain(self, consignment: Consignment) -> TLSPolicy:
        """What the domain publishes, unless the message is to go all the same.

        RFC 8689, section 4.2.2. The field stays in the message, and so tells each
        server on the way; it is looked for only where it would change something.
        """
        try:
            policy = await self._policies.policy(consignment.destination.key)
        except TemporaryFailure:
            if await _tls_optional(consignment):
                return OPPORTUNISTIC
            raise
        if policy.level > Level.OPPORTUNISTIC and await _tls_optional(consignment):
            return OPPORTUNISTIC
        return policy


def _was_stale(finished: Finished) -> bool:
    """A connection that the server had given up: it has done nothing for us.

    A server that is silent is another matter: it may have done it all.
    """
    words = finished.words
    first = words[0]
    if finished.heard == 0:
        return first == LOST
    closing = isinstance(first, Answer) and first.code == _CLOSING
    return finished.heard == 1 and closing and all(word == first for word in words)


async def _tls_optional(consignment: Consignment) -> bool:
    """The header has ``TLS-Required: No`` (RFC 8689, section 3).

    "More than one instance of the TLS-Required header field MUST NOT appear": then it
    counts for nothing.
    """
    header = parse_header(await header_of(consignment.content))
    found = header.all(b"tls-required")
    return len(found) == 1 and found[0].unfolded.lower() == b"no"

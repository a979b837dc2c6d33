"""Sessions with next servers: the hops in their order, until one takes mail.

RFC 5321, section 5.1. A host that can't be reached, and one that greets with 4yz or
5yz, is passed over for the next; what it said counts only if no other is better.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from attrs import frozen
from twisted.internet import error
from twisted.logger import Logger

from mailapp.net.dialing import Dial
from mailapp.relay.channel import Channel
from mailapp.relay.link import Environment
from mailapp.relay.mx import Exchangers, Hop, NextHops
from mailapp.relay.routes import Route
from mailapp.relay.tlspolicy import Level, TLSPolicy
from mailapp.smtp.capabilities import Capabilities
from mailapp.smtp.client_states import StartTLS, Terms, Trouble, Word

CONNECT_SECONDS: Final = 30.0
"""For one address; TCP itself would take minutes."""
ADDRESSES_TRIED: Final = 8
SESSIONS_TRIED: Final = 4
"""Servers that were reached, but took no mail."""
_UNREACHABLE: Final = "4.4.1"
_UNVERIFIED_NAME: Final = Trouble(
    "5.7.10", "the name of the next server can't be verified, as REQUIRETLS needs"
)
_NO_REQUIRETLS: Final = Trouble("5.7.30", "the next server does not offer REQUIRETLS")
_STARTTLS: Final = {
    Level.NONE: StartTLS.NEVER,
    Level.OPPORTUNISTIC: StartTLS.IF_OFFERED,
    Level.REQUIRED: StartTLS.ALWAYS,
    Level.VERIFIED: StartTLS.ALWAYS,
}


@frozen
class NoSession:
    """Nobody took us in: what was said, and by whom."""

    word: Word
    host: str = ""


@frozen
class Caller:
    """Who we are.

    Attributes:
        hostname: in EHLO.
        nonce: fresh text of printable ASCII without commas, for SCRAM.
        shuffle: puts equal hosts in a random order, in place.
        connect_seconds: for each address.
    """

    hostname: str
    nonce: Callable[[], str]
    shuffle: Callable[[list[Any]], object]
    connect_seconds: float = CONNECT_SECONDS


class Sessions:
    """Opens them.

    Args:
        around: clock, threads and TLS of the connections.
        dial: connects; of :func:`mailapp.net.dialing.dialer`.
        exchangers: finds next hops.
        caller: who we are.
    """

    log: ClassVar = Logger()

    def __init__(
        self, around: Environment, dial: Dial, exchangers: Exchangers, caller: Caller
    ) -> None:
        self._around = around
        self._dial = dial
        self._exchangers = exchangers
        self._caller = caller
        self._opening: set[Channel] = set()

    async def open(
        self,
        route: Route,
        domain: str,
        policy: TLSPolicy,
        converts: Callable[[Capabilities], bool],
    ) -> Channel | NoSession:
        """A session that takes mail, at the best hop that has one.

        Args:
            route: how.
            domain: whose MX is asked, if the route has no host.
            policy: what it must be protected by.
            converts: a server with these extensions makes us convert the message, or
                return it; one more hop is tried before that (RFC 6376, section 5.3
                tells why).
        """
        if route.host:
            found = await self._exchangers.of_host(route.host, route.port)
        else:
            found = await self._exchangers.of_domain(domain)
        if isinstance(found, Trouble):
            return NoSession(found)
        if policy.require_tls and not found.authenticated:
            return NoSession(_UNVERIFIED_NAME)
        opened = await self._first(route, found, policy, converts)
        if isinstance(opened, NoSession):
            self.log.info(
                "no session for {destination}: {text}",
                event="relay.session.failed",
                destination=domain,
                host=opened.host,
                text=opened.word.text,
            )
        return opened

    async def _first(
        self,
        route: Route,
        found: NextHops,
        policy: TLSPolicy,
        converts: Callable[[Capabilities], bool],
    ) -> Channel | NoSession:
        spare: Channel | None = None
        problems: list[NoSession] = []
        reached = 0
        for hop in found.shuffled(self._caller.shuffle)[:ADDRESSES_TRIED]:
            opened = await self._session(hop, route, policy)
            if isinstance(opened, Channel):
                offered = opened.client.offered
                if spare is not None:
                    # one more was tried, and no other is: whichever is better
                    if converts(offered):
                        opened.leave()
                        return spare
                    spare.leave()
                    return opened
                if not converts(offered):
                    return opened
                spare = opened
                continue
            if spare is not None:
                return spare
            problems.append(opened)
            reached += opened.word.status != _UNREACHABLE
            if reached >= SESSIONS_TRIED:
                break
        if spare is not None:
            return spare
        # what may be better later is not given up for what one of them said
        waiting = [problem for problem in problems if not problem.word.permanent]
        return (waiting or problems)[0]

    def close(self) -> None:
        """Break off those that are being opened."""
        for channel in list(self._opening):
            channel.abort()

    async def _session(
        self, hop: Hop, route: Route, policy: TLSPolicy
    ) -> Channel | NoSession:
        starttls = _STARTTLS[policy.level]
        while True:
            channel = self._channel(hop, route, policy, starttls)
            problem = await self._connect(channel, route)
            if problem is None:
                self._opening.add(channel)
                try:
                    problem = await channel.opened()
                finally:
                    self._opening.discard(channel)
            if problem is None and policy.require_tls:
                if channel.client.offered.require_tls:
                    return channel
                channel.leave()
                return NoSession(_NO_REQUIRETLS, str(hop))
            if problem is None:
                return channel
            if (
                channel.handshake_failed
                and starttls is StartTLS.IF_OFFERED
                and not route.implicit_tls
            ):
                # RFC 7672, section 1.3.1 tells what this is worth against an attacker
                starttls = StartTLS.NEVER
                continue
            if policy.require_tls and problem.status.startswith("4.7."):
                problem = Trouble("5.7.10", problem.text)
            return NoSession(problem, str(hop))

    def _channel(
        self, hop: Hop, route: Route, policy: TLSPolicy, starttls: StartTLS
    ) -> Channel:
        terms = Terms(
            hostname=self._caller.hostname,
            nonce=self._caller.nonce,
            lmtp=route.lmtp,
            starttls=starttls,
            encrypted=route.implicit_tls,
            login=route.login,
        )
        verify = policy.level >= Level.VERIFIED
        return Channel(self._around, hop, terms, verify=verify)

    async def _connect(self, channel: Channel, route: Route) -> Word | None:
        hop = channel.hop
        source = route.source(hop.address)
        try:
            await self._dial(
                hop.address, hop.port, channel, self._caller.connect_seconds, source
            )
        except error.ConnectError as problem:
            return Trouble(_UNREACHABLE, _why(problem))
        return None


def _why(problem: error.ConnectError) -> str:
    match problem:
        case error.ConnectionRefusedError():
            return "the connection was refused"
        case error.TimeoutError():
            return "no answer to the connection"
        case error.NoRouteError():
            return "there is no route to the host"
        case _:
            return "no connection"

"""The rest of the Internet, for a demo: one more mail host, with moods.

``outside.test`` has an MX of its own in the demo's DNS. What it does with a message
depends on the local part of the recipient:

=================  ===============================================================
``forward+NAME``   takes it and sends it on to NAME in the demo's domain
``greylist…``      451 at the first attempt of a sender, taken later
``defer…``         451, every time
``bounce…``        550, no such mailbox
``reject…``        550, after it has seen the message
anything else      takes it
=================  ===============================================================

What it takes lies in the folder ``outside`` of the demo's data, one file a message.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.names import dns
from zope.interface import implementer

from mailapp.app.demo.names import NameServer
from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.status import MAILBOX_UNKNOWN, RELAYING_DENIED, Status
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.stamp import stamp
from mailapp.delivery.types import Delivered, Failed, RecipientOutcome, Route
from mailapp.message.trace import received
from mailapp.net.driver import DriverFactory
from mailapp.net.listeners import CannotListen
from mailapp.net.names import MessageNames
from mailapp.net.surroundings import Surroundings
from mailapp.net.sweep import Sweep
from mailapp.net.tls import ServerTLS
from mailapp.policy.pipeline import Pipeline
from mailapp.smtp.profile import Profile
from mailapp.smtp.protocol import compose_smtp, over_limit

MOODS: Final = {
    "anybody": "takes it",
    "forward+bob": "sends it back to bob",
    "greylist": "says later at first, then takes it",
    "defer": "says later, every time",
    "bounce": "is not known there",
    "reject": "is refused after it was read",
}
"""Names to try, and what becomes of mail for them; for ``mailapp demo``."""
DOMAIN: Final = "outside.test"
HOST: Final = "mx.outside.test"
ADDRESS: Final = "127.0.0.2"
"""Another one than that of the demo's own server, which never sends to itself."""
PORT: Final = 26
"""Added to the demo's port base."""
NAMES_PORT: Final = 53
"""Likewise, for the demo's DNS."""

_GREYLISTED: Final = Status(7, 1, "greylisted, come again in a minute")
_NOT_TODAY: Final = Status(2, 1, "this mailbox takes no mail today")
_REJECTED: Final = Status(7, 1, "I have read it, and I do not like it")
_MOST_SEEN: Final = 10_000
_TIMEOUT: Final = 20.0  # seconds


@implementer(IBody)
class _Taken:
    """One message that the host is given."""

    def __init__(self, outside: Outside, envelope: Envelope) -> None:
        self._outside = outside
        self._envelope = envelope
        self._chunks: list[bytes] = []

    async def write(self, octets: bytes) -> None:
        """Keep it."""
        self._chunks.append(octets)

    async def commit(self) -> Sequence[RecipientOutcome]:
        """Take it, greylist it, or reject it."""
        return self._outside.take(self._envelope, b"".join(self._chunks))

    def abort(self) -> None:
        """Nothing is kept."""
        self._chunks.clear()


@implementer(IDelivery)
class Outside:
    """The host.

    Args:
        folder: for what it takes.
        send_on: sends a message (sender, recipient, content) to the demo.
        home: the demo's domain.
    """

    def __init__(
        self, folder: Path, send_on: Callable[[str, str, bytes], object], home: str
    ) -> None:
        self._folder = folder
        self._send_on = send_on
        self._home = home
        self._numbers = count(1)
        self._seen: set[tuple[str, str]] = set()

    async def route(self, address: Address, *, relays: bool = False) -> Route:
        """What it says to RCPT."""
        if address.domain != DOMAIN:
            raise PermanentFailure(RELAYING_DENIED)
        if address.local_part.startswith("bounce"):
            raise PermanentFailure(MAILBOX_UNKNOWN)
        if address.local_part.startswith("defer"):
            raise TemporaryFailure(_NOT_TODAY)
        return Route(address, ())

    def begin(
        self,
        envelope: Envelope,
        routes: Sequence[Route],
        fields: Sequence[tuple[str, str]] = (),
    ) -> _Taken:
        """Begin a message."""
        return _Taken(self, envelope)

    def take(self, envelope: Envelope, content: bytes) -> list[RecipientOutcome]:
        """The whole message is there: what becomes of it."""
        addresses = [recipient.address for recipient in envelope.recipients]
        outcomes = [self._judge(envelope, address) for address in addresses]
        # one reply stands for all of them: nobody has it unless all do
        if any(isinstance(outcome, Failed) for outcome in outcomes):
            return outcomes
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{next(self._numbers):04d}.eml"
        path.write_bytes(stamp(envelope, HOST) + content)
        for address in addresses:
            verb, _, name = address.local_part.partition("+")
            if verb == "forward" and name:
                back = Address(name, self._home)
                again = received(envelope, HOST) + content
                self._send_on(f"forward@{DOMAIN}", str(back), again)
        return outcomes

    def _judge(self, envelope: Envelope, address: Address) -> RecipientOutcome:
        if address.local_part.startswith("reject"):
            return Failed(_REJECTED, permanent=True)
        if address.local_part.startswith("greylist"):
            pair = (str(envelope.reverse_path or ""), str(address))
            if pair not in self._seen:
                if len(self._seen) >= _MOST_SEEN:
                    self._seen.clear()
                self._seen.add(pair)
                return Failed(_GREYLISTED, permanent=False)
        return Delivered()


class OutsideWorld:
    """Serves it on loopback, and the DNS that knows the way there.

    Args:
        reactor: the real one.
        folder: of the demo's data.
        home: the demo's domain.
        base: of the demo's ports.
        back: the port of the demo's own SMTP listener.
        tls: for STARTTLS.
    """

    log: ClassVar = Logger()

    def __init__(
        self,
        reactor: Any,
        folder: Path,
        *,
        home: str,
        base: int,
        back: int,
        tls: ServerTLS,
    ) -> None:
        self._reactor = reactor
        self._back = back
        self._base = base
        self._sweep = Sweep(reactor)
        profile = Profile(hostname=HOST, domain=DOMAIN, tls_available=True)
        self._factory = DriverFactory(
            compose_smtp(
                profile,
                Outside(folder / "outside", self._send_on, home),
                Pipeline([]),
                now=reactor.seconds,
                token=MessageNames(),
            ),
            Surroundings(
                clock=reactor,
                sweep=self._sweep,
                tls=tls,
                refusal=over_limit(profile),
            ),
        )
        self._names = NameServer(
            {
                (DOMAIN, dns.MX): [dns.Record_MX(10, HOST)],
                (HOST, dns.A): [dns.Record_A(ADDRESS)],
                (home, dns.MX): [dns.Record_MX(10, f"mx.{home}")],
                (f"mx.{home}", dns.A): [dns.Record_A("127.0.0.1")],
            }
        )
        self._ports: list[IListeningPort] = []

    def start(self) -> None:
        """Listen.

        Raises:
            CannotListen: a port is in use.
        """
        base, reactor = self._base, self._reactor
        try:
            self._ports.append(
                reactor.listenTCP(base + PORT, self._factory, interface=ADDRESS)
            )
            self._ports.append(
                reactor.listenUDP(base + NAMES_PORT, self._names, "127.0.0.1")
            )
        except CannotListenError as problem:
            raise CannotListen(str(problem)) from problem

    def stop(self) -> Deferred[Any]:
        """Finish."""
        ports, self._ports = self._ports, []
        ends: list[Deferred[Any]] = [self._factory.drain()]
        ends += [maybeDeferred(port.stopListening) for port in ports]
        self._sweep.stop()
        self._reactor.callLater(0.5, self._factory.abort_all)
        return DeferredList(ends)

    def _send_on(self, sender: str, recipient: str, content: bytes) -> None:
        self._reactor.callInThread(self._send, sender, recipient, content)

    def _send(self, sender: str, recipient: str, content: bytes) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self._back, HOST, _TIMEOUT) as smtp:
                smtp.sendmail(sender, [recipient], content, ["BODY=8BITMIME"])
        except (OSError, smtplib.SMTPException) as problem:
            self.log.warn(
                "{host} could not send on to {recipient}: {problem}",
                event="demo.outside.failed",
                host=HOST,
                recipient=recipient,
                problem=str(problem),
            )

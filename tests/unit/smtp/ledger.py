"""Delivery and policy that keep books, for the tests of SMTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import Factory, define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailapp.auth.interfaces import IAuthenticator
from mailapp.core.address import Address
from mailapp.core.envelope import Envelope
from mailapp.core.failures import PermanentFailure
from mailapp.core.peer import TLS, Peer
from mailapp.core.status import MAILBOX_UNKNOWN, RELAYING_DENIED
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Delivered, RecipientOutcome, Route
from mailapp.directory.types import Account, Local
from mailapp.policy.interfaces import Content, IPolicy, Origin
from mailapp.policy.verdict import ACCEPT, Accept, Refusal, Verdict
from mailapp.smtp.profile import Profile
from mailapp.smtp.protocol import compose_smtp
from mailapp.storage.types import AccountId
from tests.play import Wire


@define
class Stored:
    """One message that was committed."""

    envelope: Envelope
    content: bytes
    fields: Sequence[tuple[str, str]]

    @property
    def recipients(self) -> list[str]:
        """To whom."""
        return [str(recipient.address) for recipient in self.envelope.recipients]


@implementer(IBody)
class LedgerBody:
    """Writes down what it is given, at commit."""

    def __init__(
        self, ledger: Ledger, envelope: Envelope, fields: Sequence[tuple[str, str]]
    ) -> None:
        self.ledger = ledger
        self.envelope = envelope
        self.fields = tuple(fields)
        self.chunks: list[bytes] = []
        self.aborted = False
        ledger.open_bodies.append(self)

    async def write(self, octets: bytes) -> None:
        """Take octets, or fail as the test wants."""
        if self.aborted:
            raise AssertionError("written after abort")
        if self.ledger.write_failure is not None:
            raise self.ledger.write_failure
        self.chunks.append(octets)

    async def commit(self) -> Sequence[RecipientOutcome]:
        """Deliver, or fail as the test wants."""
        ledger = self.ledger
        if ledger.commit_waits is not None:
            await ledger.commit_waits
        if ledger.commit_failure is not None:
            raise ledger.commit_failure
        ledger.open_bodies.remove(self)
        outcomes = [
            ledger.outcomes.get(r.address.local_part, Delivered())
            for r in self.envelope.recipients
        ]
        content = b"".join(self.chunks)
        ledger.stored.append(Stored(self.envelope, content, self.fields))
        return outcomes

    def abort(self) -> None:
        """Forget it."""
        self.aborted = True
        if self in self.ledger.open_bodies:
            self.ledger.open_bodies.remove(self)


@implementer(IDelivery)
@define(eq=False)
class Ledger:
    """A server for one domain; what it stored stands in ``stored``."""

    domain: str = "foo.com"
    users: Sequence[str] = ("Jones", "Brown", "postmaster")
    aliases: Mapping[str, Sequence[str]] = Factory(dict)
    stored: list[Stored] = Factory(list)
    open_bodies: list[LedgerBody] = Factory(list)
    outcomes: dict[str, RecipientOutcome] = Factory(dict)
    write_failure: Exception | None = None
    commit_failure: Exception | None = None
    commit_waits: Deferred[None] | None = None
    route_failure: Exception | None = None
    asked: int = 0

    async def route(self, address: Address, *, relays: bool = False) -> Route:
        """To our users, and to nobody else."""
        self.asked += 1
        if self.route_failure is not None:
            raise self.route_failure
        if address.domain not in {self.domain, ""}:
            if relays:
                return Route(address, (), (address,))
            raise PermanentFailure(RELAYING_DENIED)
        names = self.aliases.get(address.local_part, [address.local_part])
        if not set(names) <= set(self.users):
            raise PermanentFailure(MAILBOX_UNKNOWN)
        accounts = [Account(AccountId(f"{name}@{self.domain}")) for name in names]
        return Route(address, [Local(account) for account in accounts])

    def begin(
        self,
        envelope: Envelope,
        routes: Sequence[Route],
        fields: Sequence[tuple[str, str]] = (),
    ) -> LedgerBody:
        """A message for these."""
        if len(routes) != len(envelope.recipients) or not routes:
            raise AssertionError("routes and recipients differ")
        return LedgerBody(self, envelope, fields)


@implementer(IPolicy)
@define(eq=False)
class Rules:
    """A policy that answers each stage as the test wants."""

    at_connect: Verdict = ACCEPT
    at_helo: Verdict = ACCEPT
    at_mail: Verdict = ACCEPT
    at_rcpt: Verdict = ACCEPT
    at_body: Accept | Refusal = ACCEPT
    bug: Exception | None = None
    contents: list[Content] = Factory(list)
    origins: list[Origin] = Factory(list)

    async def connect(self, peer: Peer) -> Verdict:
        """Before the greeting."""
        return self.at_connect

    async def helo(self, peer: Peer, name: str) -> Verdict:
        """HELO or EHLO."""
        return self.at_helo

    async def mail(self, origin: Origin) -> Verdict:
        """MAIL."""
        self.origins.append(origin)
        return self.at_mail

    async def rcpt(self, origin: Origin, address: Address, accepted: int) -> Verdict:
        """RCPT."""
        if self.bug is not None:
            raise self.bug
        return self.at_rcpt

    async def body(self, envelope: Envelope, content: Content) -> Accept | Refusal:
        """The end of data."""
        self.contents.append(content)
        return self.at_body


PROFILE = Profile("mx.foo.com", domain="foo.com")
CLIENT = Peer("192.0.2.1", 2525, session="s1")
TLS_ON = TLS(version="TLSv1.3")


def dial(  # noqa: PLR0913 - what a server is made of
    ledger: Ledger | None = None,
    *,
    profile: Profile = PROFILE,
    policy: IPolicy | None = None,
    peer: Peer = CLIENT,
    greet: bool = True,
    pause: Callable[[float], Deferred[None]] | None = None,
    authenticator: IAuthenticator | None = None,
    now: Callable[[], float] = lambda: 1_000_000_000.0,
) -> Wire:
    """A connection to such a server; the greeting is read."""
    ids = iter(range(1_000_000))
    compose = compose_smtp(
        profile,
        ledger if ledger is not None else Ledger(),
        policy if policy is not None else Rules(),
        now=now,
        token=lambda: f"t{next(ids)}",
        pause=pause,
        authenticator=authenticator,
    )
    wire = Wire(*compose(peer))
    if greet and wire.take() != greeting(profile):
        raise AssertionError("no greeting")
    return wire


def greeting(profile: Profile = PROFILE) -> bytes:
    """What the server says first."""
    return b"220 mx.foo.com %b ready\r\n" % profile.dialect.name.encode()


def say(wire: Wire, *lines: bytes) -> bytes:
    """Send lines one by one; the replies to the last of them."""
    for line in lines:
        wire.take()
        wire.feed(line + b"\r\n")
    return wire.take()


def codes(octets: bytes) -> list[int]:
    """The codes of the replies in these octets."""
    lines = octets.split(b"\r\n")[:-1]
    return [int(line[:3]) for line in lines if line[3:4] != b"-"]


def begin(wire: Wire, recipient: bytes = b"Jones@foo.com") -> None:
    """As far as 354."""
    reply = say(
        wire,
        b"EHLO bar.com",
        b"MAIL FROM:<Smith@bar.com>",
        b"RCPT TO:<%s>" % recipient,
        b"DATA",
    )
    if codes(reply) != [354]:
        raise AssertionError(reply)

"""Tests of the checks that submission asks: senders, domains, limits."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailapp.core.address import Address, parse_address
from mailapp.core.envelope import Envelope, Recipient
from mailapp.core.failures import TemporaryFailure
from mailapp.core.peer import Peer
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.policy.allowance import Allowance, Rate, Rates, Sent
from mailapp.policy.check import Check, Site
from mailapp.policy.checks.full_domains import FullDomains
from mailapp.policy.checks.send_limits import SendLimits, spoken
from mailapp.policy.checks.sender_rights import (
    NOT_IN_HEADER,
    NOT_YOURS,
    SenderRights,
)
from mailapp.policy.interfaces import Content, ISenderRights, Origin
from mailapp.policy.pipeline import Pipeline
from mailapp.policy.verdict import ACCEPT, Defer, Reject, Verdict
from tests.rows import rows, tabled
from tests.threats import threat

SITE = Site("mx.example.test", ["example.test", "office"])
ALICE = "alice@example.test"
PEER = Peer("192.0.2.1")
ENVELOPE = Envelope(
    id="t0",
    reverse_path=None,
    recipients=[Recipient(Address("bob", "example.org"))],
    peer=PEER,
    helo="a",
    protocol="ESMTPSA",
    received_at=0.0,
    account=ALICE,
)


@implementer(ISenderRights)
class Rights:
    """Everybody owns addresses that begin with their name."""

    trouble: Exception | None = None

    async def may_send_as(self, account: str, address: Address) -> bool:
        """See :class:`ISenderRights`."""
        if self.trouble is not None:
            raise self.trouble
        user, _, domain = account.partition("@")
        return address.domain == domain and address.local_part.startswith(user)


class PolicyCase(SynchronousTestCase):
    """Asks a pipeline of one check."""

    check: Check

    def ask(self, coroutine: Coroutine[Any, Any, Verdict]) -> Verdict:
        """The verdict."""
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def mail(self, sender: str | None, account: str | None = ALICE) -> Verdict:
        """At MAIL."""
        path = None if sender is None else parse_address(sender.encode())
        origin = Origin(PEER, "a", path, account)
        return self.ask(Pipeline([self.check]).mail(origin))

    def rcpt(self, to: str, accepted: int = 0, account: str | None = ALICE) -> Verdict:
        """At RCPT."""
        address = Address("postmaster", "") if not to else parse_address(to.encode())
        origin = Origin(PEER, "a", None, account)
        return self.ask(Pipeline([self.check]).rcpt(origin, address, accepted))

    def body(
        self, header: bytes = b"", account: str | None = ALICE, recipients: int = 1
    ) -> Verdict:
        """At the end of data."""
        envelope = evolve(
            ENVELOPE, account=account, recipients=[*ENVELOPE.recipients] * recipients
        )
        content = Content(header, 1)
        return self.ask(Pipeline([self.check]).body(envelope, content))


@tabled
class SenderRightsTests(PolicyCase):
    """Threat 28, CVE-2024-7208 and CVE-2024-7209."""

    def setUp(self) -> None:
        """Newsletter may send as anybody."""
        self.rights = Rights()
        self.check = SenderRights(SITE, self.rights, ["news@example.test"])

    @rows(
        own=(ALICE, ACCEPT),
        detail=("alice+x@example.test", ACCEPT),
        null=(None, ACCEPT),
        other=("bob@example.test", NOT_YOURS),
        other_domain=("alice@example.org", NOT_YOURS),
    )
    @threat(28)
    def test_mail(self, sender: str | None, verdict: Verdict) -> None:
        """The reverse-path is one of the account's own addresses, or null."""
        self.assertEqual(self.mail(sender), verdict)

    @rows(
        own=(b"From: alice@example.test\r\n", None),
        several=(b"From: alice@example.test, alice+x@example.test\r\n", None),
        other=(b"From: bob@example.test\r\n", 550),
        other_domain=(b"From: alice@example.org\r\n", 550),
        one_of_two=(b"From: alice@example.test, bob@example.test\r\n", 550),
        in_group=(b"From: us: alice@example.test, bob@example.test;\r\n", 550),
        sender=(b"From: alice@example.test\r\nSender: bob@example.test\r\n", 550),
        resent=(b"From: alice@example.test\r\nResent-From: b@example.test\r\n", 550),
        shown_only=(b'From: "bob@example.test" <alice@example.test>\r\n', None),
        two_froms=(b"From: alice@example.test\r\nFrom: bob@example.test\r\n", 554),
        space=(b"From : bob@example.test\r\nFrom: alice@example.test\r\n", 554),
        shadow=(b"From\x01: b@example.test\r\nFrom: alice@example.test\r\n", 554),
        folded=(b" From: b@example.test\r\nFrom: alice@example.test\r\n", 554),
        encoded=(b"From: =?utf-8?q?alice=40example=2Etest?=\r\n", 554),
        encoded_local=(b"From: =?utf-8?q?alice?=@example.test\r\n", 554),
        route=(b"From: <@bob.test:alice@example.test>\r\n", 554),
        comment=(b"From: alice@example.test(, bob@example.test\r\n", 554),
        none=(b"Subject: x\r\n", None),  # a submission gets one of its own
        empty=(b"From:\r\n", 554),
        empty_group=(b"From: nobody:;\r\n", 554),
    )
    @threat(28, 94)
    def test_body(self, header: bytes, code: int | None) -> None:
        """Every From and Sender is the account's own; what is unclear is refused."""
        verdict = self.body(header)
        if code is None:
            self.assertEqual(verdict, ACCEPT)
        else:
            assert isinstance(verdict, Reject)
            self.assertEqual(verdict.reply_code, code)
            self.assertEqual(verdict == NOT_IN_HEADER, code == 550)

    def test_not_asked(self) -> None:
        """An account that may, and a client without a login, are not checked."""
        header = b"From: bob@example.test\r\n"
        for account in ("news@example.test", None):
            self.assertEqual(self.mail("bob@example.test", account), ACCEPT)
            self.assertEqual(self.body(header, account), ACCEPT)

    def test_trouble(self) -> None:
        """A directory that can't be read defers; nobody passes for that."""
        self.rights.trouble = TemporaryFailure(SYSTEM_TROUBLE)
        self.assertEqual(self.mail(ALICE), Defer(SYSTEM_TROUBLE))
        verdict = self.body(b"From: alice@example.test\r\n")
        self.assertEqual(verdict, Defer(SYSTEM_TROUBLE))


@tabled
class FullDomainsTests(PolicyCase):
    """RFC 6409, section 4.2."""

    check = FullDomains(SITE)

    @rows(
        full=("a@example.org", None),
        literal=("a@[192.0.2.1]", None),
        ours=("a@office", None),
        postmaster=("", None),
        short=("a@sales", 554),
    )
    def test_domains(self, address: str, code: int | None) -> None:
        """A short domain that is not ours is refused, and nothing is added to it."""
        verdicts = [self.rcpt(address)]
        if address:
            verdicts.append(self.mail(address))
        for verdict in verdicts:
            found = verdict.reply_code if isinstance(verdict, Reject) else None
            self.assertEqual(found, code)


@tabled
class SendLimitsTests(PolicyCase):
    """So much in an hour and a day."""

    def setUp(self) -> None:
        """Three messages an hour, five a day; four recipients an hour."""
        self.time = 0.0
        self.told: list[Sent] = []
        rates = Rates(
            messages=(Rate(3, 3600.0), Rate(5, 86400.0)),
            recipients=(Rate(4, 3600.0), Rate(0, 86400.0)),
        )
        self.allowance = Allowance(rates, lambda: self.time, self.told.append)
        self.check = SendLimits(SITE, self.allowance)

    def test_messages(self) -> None:
        """The one too many is told when to come again, and then it is taken."""
        for _ in range(3):
            self.assertEqual(self.mail(ALICE), ACCEPT)
            self.assertEqual(self.body(), ACCEPT)
        verdict = self.mail(ALICE)
        assert isinstance(verdict, Defer)
        self.assertEqual(verdict.reply_code, 450)
        self.assertEqual(verdict.status.enhanced(450), "4.7.1")
        self.assertIn("try again in 65 minutes", verdict.status.text)
        self.assertEqual(self.mail("bob@example.test", "bob@example.test"), ACCEPT)
        self.time = 65 * 60.0
        self.assertEqual(self.mail(ALICE), ACCEPT)
        for _ in range(2):
            self.assertEqual(self.body(), ACCEPT)
        verdict = self.mail(ALICE)
        assert isinstance(verdict, Defer)
        self.assertIn("try again in 25 hours", verdict.status.text)

    def test_recipients(self) -> None:
        """452 from the first recipient that is too many."""
        self.assertEqual(self.rcpt("x@example.org", 3), ACCEPT)
        verdict = self.rcpt("x@example.org", 4)
        assert isinstance(verdict, Defer)
        self.assertEqual(verdict.reply_code, 452)
        self.assertEqual(verdict.status.enhanced(452), "4.5.3")
        self.assertEqual(self.body(recipients=3), ACCEPT)
        self.assertEqual(self.rcpt("x@example.org", 0), ACCEPT)
        self.assertNotEqual(self.rcpt("x@example.org", 1), ACCEPT)

    def test_at_once(self) -> None:
        """Sessions side by side share one allowance: the last one is refused."""
        for _ in range(3):
            self.assertEqual(self.mail(ALICE), ACCEPT)
        outcomes = [self.body(recipients=2) for _ in range(3)]
        self.assertEqual(outcomes[:2], [ACCEPT, ACCEPT])
        assert isinstance(outcomes[2], Defer)
        self.assertEqual(outcomes[2].reply_code, 452)
        self.assertEqual(self.told, [Sent(ALICE, 2), Sent(ALICE, 2)])

    def test_hearsay(self) -> None:
        """What was sent in another process counts here, and is not told again."""
        for _ in range(3):
            self.allowance.learn(Sent(ALICE, 1))
        self.assertNotEqual(self.mail(ALICE), ACCEPT)
        self.assertEqual(self.told, [])

    def test_not_asked(self) -> None:
        """Nobody counts those who did not log in."""
        self.assertEqual(self.mail(ALICE, None), ACCEPT)
        self.assertEqual(self.rcpt("x@example.org", 99, None), ACCEPT)
        self.assertEqual(self.body(account=None), ACCEPT)
        self.assertEqual(self.told, [])

    def test_no_limit(self) -> None:
        """Zero is no limit."""
        rates = Rates(messages=(Rate(0, 60.0),), recipients=())
        self.check = SendLimits(SITE, Allowance(rates, lambda: 0.0))
        for _ in range(50):
            self.assertEqual(self.body(recipients=100), ACCEPT)
        self.assertEqual(self.mail(ALICE), ACCEPT)

    @rows(
        second=(0.1, "1 minute"),
        minute=(61.0, "2 minutes"),
        hours=(7201.0, "3 hours"),
        two=(7200.0, "2 hours"),
        day=(86400.0, "24 hours"),
    )
    def test_spoken(self, seconds: float, text: str) -> None:
        """Times are rounded up: who comes then is not sent away again."""
        self.assertEqual(spoken(seconds), text)

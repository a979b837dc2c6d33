"""Tests of what is not taken: by rule, by limit, by policy."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.status import (
    Status,
)
from mailapp.policy.verdict import Defer, Reject, Tag
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.profile import Profile, SessionLimits
from tests.play import octetwise
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import (
    CLIENT,
    PROFILE,
    Ledger,
    Rules,
    begin,
    codes,
    dial,
    say,
)
from tests.unit.smtp.relay_forms import RELAY_FORMS

_SPAM = Status(7, 1, "not today")
_HELLO = (b"EHLO bar.com", b"MAIL FROM:<Smith@bar.com>")


@tabled
class RefusalTests(SynchronousTestCase):
    """What is not taken, and why."""

    @threat(18)
    @rows(
        **RELAY_FORMS,
        literal_loopback=b"<u@[127.0.0.1]>",
        literal_ipv6=b"<u@[IPv6:::1]>",
        subdomain=b"<Jones@x.foo.com>",
        superdomain=b"<Jones@com>",
        suffix=b"<Jones@foo.com.elsewhere.org>",
    )
    def test_relay(self, path: bytes) -> None:
        """No form of an address makes us relay, from no sender."""
        for sender in (b"<>", b"<Jones@foo.com>", b"<a@elsewhere.org>"):
            wire = dial()
            reply = say(
                wire, b"EHLO x", b"MAIL FROM:" + sender, b"RCPT TO:" + path, b"NOOP"
            )
            self.assertEqual(codes(reply), [250])
            reply = say(wire, b"RCPT TO:" + path)
            self.assertIn(reply[:9], {b"550 5.7.1", b"550 5.1.1", b"501 5.1.3"})
            self.assertEqual(codes(say(wire, b"DATA")), [554])

    def test_size_declared(self) -> None:
        """SIZE above the limit is refused at MAIL, at the limit it is not."""
        wire = dial()
        most = PROFILE.content.size_octets
        reply = say(wire, b"EHLO a", b"MAIL FROM:<> SIZE=%d" % (most + 1))
        self.assertEqual(reply[:9], b"552 5.3.4")
        self.assertEqual(codes(say(wire, b"MAIL FROM:<> SIZE=%d" % most)), [250])

    @rows(n_minus_1=(99, 250), n=(100, 250), n_plus_1=(101, 552))
    @threat(14)
    def test_size_lied(self, octets: int, code: int) -> None:
        """The octets are counted as they come, whatever was declared."""
        ledger = Ledger()
        limits = ContentLimits(size_octets=100)
        wire = dial(ledger, profile=Profile("mx.foo.com", content=limits))
        say(
            wire,
            b"EHLO a",
            b"MAIL FROM:<> SIZE=1",
            b"RCPT TO:<Jones@foo.com>",
            b"DATA",
        )
        wire.feed(b"x" * (octets - 2) + b"\r\n.\r\n", octetwise)
        self.assertEqual(codes(wire.take()), [code])
        self.assertEqual(len(ledger.stored), code == 250)
        self.assertEqual(ledger.open_bodies, [])
        self.assertEqual(codes(say(wire, b"NOOP")), [250])

    @threat(25)
    def test_utf8_without_parameter(self) -> None:
        """A non-ASCII address needs SMTPUTF8 (RFC 6531, section 3.5)."""
        wire = dial(Ledger(users=["jörg"]))
        mail = "MAIL FROM:<jörg@b.org>".encode()
        rcpt = "RCPT TO:<jörg@foo.com>".encode()
        self.assertEqual(say(wire, b"EHLO a", mail)[:9], b"550 5.6.7")
        self.assertEqual(say(wire, b"MAIL FROM:<a@b>", rcpt)[:9], b"553 5.6.7")
        self.assertEqual(codes(say(wire, b"RSET", mail + b" SMTPUTF8", rcpt)), [250])

    @rows(n_minus_1=99, n=100, n_plus_1=101)
    @threat(15)
    def test_recipient_limit(self, count: int) -> None:
        """Beyond the limit 452 4.5.3, and those before stay (section 4.5.3.1.10)."""
        limits = SessionLimits(recipients=100)
        ledger = Ledger(users=[f"u{i}" for i in range(200)])
        wire = dial(ledger, profile=Profile("mx.foo.com", limits=limits))
        say(wire, *_HELLO)
        for i in range(count):
            reply = say(wire, b"RCPT TO:<u%d@foo.com>" % i)
            self.assertEqual(reply[:9], b"452 4.5.3" if i >= 100 else b"250 2.1.5")
        say(wire, b"DATA", b"x\r\n.")
        self.assertEqual(len(ledger.stored[0].recipients), min(count, 100))

    @threat(15)
    def test_recipient_flood(self) -> None:
        """100,000 RCPT in one transaction are answered, and the first 1000 served."""
        ledger = Ledger(users=[f"u{i}" for i in range(1000)])
        wire = dial(ledger)
        say(wire, *_HELLO)
        group = [b"RCPT TO:<u%d@foo.com>\r\n" % i for i in range(1000)]
        wire.feed(b"".join(group))
        self.assertEqual(codes(wire.take()), [250] * 1000)
        surplus = b"".join(b"RCPT TO:<v%d@foo.com>\r\n" % i for i in range(1000))
        for _ in range(99):
            wire.feed(surplus)
            self.assertEqual(wire.take().count(b"452 4.5.3"), 1000)
        say(wire, b"DATA", b"x\r\n.")
        self.assertEqual(len(ledger.stored[0].recipients), 1000)

    def test_transaction_limit(self) -> None:
        """MAILMAX is announced where it is enforced, and counts failed MAIL too."""
        profile = Profile("mx.foo.com", limits=SessionLimits(transactions=2))
        wire = dial(profile=profile)
        ehlo = say(wire, b"EHLO a")
        self.assertIn(b"LIMITS RCPTMAX=1000 MAILMAX=2\r\n", ehlo)
        say(wire, b"MAIL FROM:<> SIZE=99999999999", b"MAIL FROM:<>", b"RSET")
        self.assertEqual(say(wire, b"MAIL FROM:<>")[:9], b"421 4.7.0")
        self.assertTrue(wire.closed)

    def test_fewer_than_100_recipients(self) -> None:
        """No profile takes fewer than RFC 5321, section 4.5.3.1.8, demands."""
        self.assertRaises(ValueError, SessionLimits, recipients=99)

    @threat(19)
    def test_slow_down(self) -> None:
        """From the eleventh refusal on each waits; a trusted peer never does."""
        waits: list[Deferred[None]] = []

        def pause(_seconds: float) -> Deferred[None]:
            waits.append(Deferred())
            return waits[-1]

        wire = dial(pause=pause)
        say(wire, *_HELLO)
        for _ in range(10):
            self.assertEqual(codes(say(wire, b"RCPT TO:<x@foo.com>")), [550])
        self.assertEqual(say(wire, b"RCPT TO:<x@foo.com>"), b"")
        waits[0].callback(None)
        self.assertEqual(codes(wire.take()), [550])
        trusted = dial(pause=pause, peer=evolve(CLIENT, trusted=True))
        say(trusted, *_HELLO)
        for _ in range(30):
            self.assertEqual(codes(say(trusted, b"RCPT TO:<x@foo.com>")), [550])
        self.assertEqual(len(waits), 1)


@tabled
class PolicyTests(SynchronousTestCase):
    """What the administrator wants, at each stage."""

    @rows(
        reject=(Reject(_SPAM), b"554 5.7.1 not today\r\n", False),
        go_away=(Reject(_SPAM, 521), b"521 5.7.1 not today\r\n", True),
        defer=(Defer(_SPAM), b"421 4.7.1 mx.foo.com not today\r\n", True),
    )
    def test_connect(
        self,
        verdict: Reject | Defer,
        greeting: bytes,
        closed: bool,  # noqa: FBT001
    ) -> None:
        """A refusal becomes the greeting (RFC 5321, section 3.1; RFC 7504)."""
        wire = dial(policy=Rules(at_connect=verdict), greet=False)
        self.assertEqual(wire.take(), greeting)
        self.assertEqual(wire.closed, closed)

    @rows(
        helo=(Rules(at_helo=Reject(_SPAM)), (b"EHLO a",)),
        mail=(Rules(at_mail=Reject(_SPAM)), _HELLO),
        rcpt=(Rules(at_rcpt=Reject(_SPAM)), (*_HELLO, b"RCPT TO:<Jones@foo.com>")),
        body=(
            Rules(at_body=Reject(_SPAM)),
            (*_HELLO, b"RCPT TO:<Jones@foo.com>", b"DATA", b"x\r\n."),
        ),
    )
    def test_reject(self, policy: Rules, lines: tuple[bytes, ...]) -> None:
        """A verdict is its stage's reply; nothing is stored, the session goes on."""
        ledger = Ledger()
        wire = dial(ledger, policy=policy)
        self.assertEqual(say(wire, *lines), b"550 5.7.1 not today\r\n")
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))
        self.assertEqual(codes(say(wire, b"NOOP")), [250])

    def test_close(self) -> None:
        """A 421 from a policy closes."""
        wire = dial(policy=Rules(at_mail=Defer(_SPAM, 421)))
        self.assertEqual(codes(say(wire, *_HELLO)), [421])
        self.assertTrue(wire.closed)

    def test_tags(self) -> None:
        """What each stage wants said goes with the message, in order."""
        ledger = Ledger()
        policy = Rules(
            at_connect=Tag([("X-A", "1")]),
            at_helo=Tag([("X-B", "2")]),
            at_mail=Tag([("X-C", "3")]),
            at_rcpt=Tag([("X-D", "4")]),
        )
        wire = dial(ledger, policy=policy)
        for _ in range(2):
            begin(wire)
            say(wire, b"x\r\n.")
        for stored in ledger.stored:
            self.assertEqual(
                [name for name, _ in stored.fields], ["X-A", "X-B", "X-C", "X-D"]
            )

    def test_content(self) -> None:
        """The header is shown to the policy as it came."""
        policy = Rules()
        wire = dial(policy=policy)
        begin(wire)
        say(wire, b"A: b\r\nC: d\r\n\r\ntext\r\n.")
        self.assertEqual(policy.contents[0].header, b"A: b\r\nC: d\r\n")
        self.assertEqual(policy.contents[0].size_octets, 20)

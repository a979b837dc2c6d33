"""Tests of a whole session in memory: what a client sees, and what is stored."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailapp.core.address import parse_address
from mailapp.core.envelope import Body
from mailapp.core.failures import PermanentFailure, TemporaryFailure
from mailapp.core.status import (
    MAILBOX_FULL,
    MAILBOX_UNKNOWN,
    SYSTEM_FULL,
    SYSTEM_TROUBLE,
    Status,
)
from mailapp.delivery.interfaces import IBody, IDelivery
from mailapp.delivery.types import Delivered, Failed
from mailapp.policy.interfaces import IPolicy
from mailapp.policy.verdict import Defer, Reject, Tag
from mailapp.smtp.intake import ContentLimits
from mailapp.smtp.profile import Profile, SessionLimits
from mailapp.smtp.protocol import over_limit
from tests.play import octetwise
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import (
    CLIENT,
    PROFILE,
    TLS_ON,
    Ledger,
    LedgerBody,
    Rules,
    begin,
    codes,
    dial,
    say,
)

_SPAM = Status(7, 1, "not today")
_HELLO = (b"EHLO bar.com", b"MAIL FROM:<Smith@bar.com>")


class DoubleTests(SynchronousTestCase):
    """The doubles keep the promises of the interfaces."""

    def test_interfaces(self) -> None:
        """They provide what they stand for."""
        ledger = Ledger()
        wire = dial(ledger)
        begin(wire)
        verifyObject(IDelivery, ledger)
        verifyObject(IPolicy, Rules())
        verifyObject(IBody, LedgerBody(ledger, ledger.open_bodies[0].envelope, ()))


@tabled
class DialogueTests(SynchronousTestCase):
    """What somebody at a telnet prompt sees."""

    def test_telnet(self) -> None:
        """The second recipient is refused 550, and the first is served."""
        ledger = Ledger()
        wire = dial(ledger)
        for typed, reply in (
            (b"HELO me", b"250 mx.foo.com\r\n"),
            (b"MAIL FROM:<me@here.org>", b"250 2.1.0 sender OK\r\n"),
            (b"RCPT TO:<Jones@foo.com>", b"250 2.1.5 recipient OK\r\n"),
            (b"RCPT TO:<Green@foo.com>", b"550 5.1.1 no such mailbox here\r\n"),
            (b"RCPT TO:<x@elsewhere.org>", b"550 5.7.1 relaying denied\r\n"),
            (b"DATA", b"354 go ahead; end with a line that holds only a dot\r\n"),
            (b"Subject: hi\r\n\r\nhello\r\n.", b"250 2.0.0 OK id=t0\r\n"),
            (b"QUIT", b"221 2.0.0 mx.foo.com goodbye\r\n"),
        ):
            wire.feed(typed + b"\r\n", octetwise)
            self.assertEqual(wire.take(), reply)
        self.assertTrue(wire.closed)
        (stored,) = ledger.stored
        self.assertEqual(stored.content, b"Subject: hi\r\n\r\nhello\r\n")
        self.assertEqual(stored.recipients, ["Jones@foo.com"])
        self.assertEqual(stored.envelope.protocol, "SMTP")

    def test_ehlo(self) -> None:
        """The extensions, each on its line, and nothing that does not work."""
        lines = say(dial(), b"EHLO bar.com").split(b"\r\n")
        self.assertEqual(
            lines,
            [
                b"250-mx.foo.com",
                b"250-PIPELINING",
                b"250-SIZE 52428800",
                b"250-8BITMIME",
                b"250-SMTPUTF8",
                b"250-ENHANCEDSTATUSCODES",
                b"250-LIMITS RCPTMAX=1000",
                b"250 HELP",
                b"",
            ],
        )

    def test_help(self) -> None:
        """HELP lists every command, and each of them is explained."""
        wire = dial()
        listed = say(wire, b"HELP")
        for verb in PROFILE.verbs:
            self.assertIn(verb, listed)
            text = say(wire, b"HELP " + verb.lower())
            self.assertEqual(codes(text), [214])
            self.assertIn(verb, text)
        self.assertEqual(codes(say(wire, b"HELP me")), [504])

    def test_expn(self) -> None:
        """EXPN is refused by default, and lists the mailboxes where it is on."""
        self.assertEqual(codes(say(dial(), b"EXPN staff")), [502])
        ledger = Ledger(aliases={"staff": ["Jones", "Brown"]})
        wire = dial(ledger, profile=evolve(PROFILE, verify=True))
        self.assertEqual(
            say(wire, b"EXPN staff"),
            b"250-2.1.5 <Jones@foo.com>\r\n250 2.1.5 <Brown@foo.com>\r\n",
        )
        self.assertEqual(codes(say(wire, b"EXPN nobody")), [550])
        self.assertEqual(codes(say(wire, b"VRFY nobody")), [550])
        self.assertEqual(codes(say(wire, b"VRFY <@@>")), [550])
        self.assertEqual(codes(say(wire, b"VRFY staff")), [252])
        ledger.route_failure = TemporaryFailure(SYSTEM_TROUBLE)
        self.assertEqual(codes(say(wire, b"VRFY Jones")), [451])

    @rows(
        plain=(b"SIZE=1 BODY=8BITMIME", "ESMTP", Body.EIGHT_BIT, False),
        seven=(b"BODY=7BIT", "ESMTP", Body.SEVEN_BIT, False),
        utf8=(b"SMTPUTF8", "UTF8SMTP", Body.SEVEN_BIT, True),
    )
    def test_envelope(
        self,
        parameters: bytes,
        protocol: str,
        body: Body,
        utf8: bool,  # noqa: FBT001
    ) -> None:
        """What MAIL says reaches the envelope."""
        ledger = Ledger()
        wire = dial(ledger)
        say(
            wire,
            b"EHLO [192.0.2.9]",
            b"MAIL FROM:<> " + parameters,
            b"RCPT TO:<postMaster>",
            b"DATA",
            b"\r\n\xe4\r\n.",
        )
        envelope = ledger.stored[0].envelope
        self.assertIsNone(envelope.reverse_path)
        self.assertEqual(envelope.protocol, protocol)
        self.assertIs(envelope.body, body)
        self.assertEqual(envelope.smtputf8, utf8)
        self.assertEqual(envelope.helo, "[192.0.2.9]")
        self.assertEqual(envelope.peer, CLIENT)
        self.assertEqual(envelope.received_at, 1_000_000_000.0)
        self.assertEqual(ledger.stored[0].recipients, ["postmaster"])

    def test_octets_survive(self) -> None:
        """Octets above 127 are kept, declared or not (protocols.md, 1.2)."""
        ledger = Ledger()
        wire = dial(ledger)
        begin(wire)
        octets = bytes(set(range(1, 256)) - {10, 13})
        wire.feed(b"A: b\r\n\r\n" + octets + b"\r\n.\r\n")
        self.assertEqual(codes(wire.take()), [250])
        self.assertEqual(ledger.stored[0].content, b"A: b\r\n\r\n" + octets + b"\r\n")

    def test_duplicate_recipients(self) -> None:
        """A recipient that is named twice gets the message once."""
        ledger = Ledger()
        wire = dial(ledger)
        rcpts = (b"RCPT TO:<Jones@foo.com>", b"RCPT TO:<Jones@FOO.com>")
        self.assertEqual(codes(say(wire, *_HELLO, *rcpts)), [250])
        say(wire, b"DATA", b"x\r\n.")
        self.assertEqual(ledger.stored[0].recipients, ["Jones@foo.com"])

    def test_pipelined(self) -> None:
        """Replies to a group come in order, content and next group in one segment."""
        ledger = Ledger()
        wire = dial(ledger)
        say(wire, b"EHLO bar.com")
        group = (
            b"MAIL FROM:<a@b>\r\nRCPT TO:<Green@foo.com>\r\n"
            b"RCPT TO:<Jones@foo.com>\r\nDATA\r\n"
        )
        wire.feed(group)
        self.assertEqual(codes(wire.take()), [250, 550, 250, 354])
        wire.feed(b"x\r\n.\r\n" + group)
        self.assertEqual(codes(wire.take()), [250, 250, 550, 250, 354])
        wire.feed(b"y\r\n.\r\nQUIT\r\n")
        self.assertEqual(codes(wire.take()), [250, 221])
        self.assertEqual([s.content for s in ledger.stored], [b"x\r\n", b"y\r\n"])
        self.assertEqual([s.envelope.id for s in ledger.stored], ["t0", "t1"])

    @threat(6)
    def test_all_in_one_segment(self) -> None:
        """A whole session in one segment is refused at its first synchronizing command.

        So is one that sends content ahead of 354.
        """
        ledger = Ledger()
        wire = dial(ledger)
        body = (
            b"MAIL FROM:<a@b>\r\nRCPT TO:<Jones@foo.com>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"
        )
        wire.feed(b"EHLO a.b\r\n" + body)
        self.assertEqual(wire.take()[:9], b"503 5.5.0")
        self.assertTrue(wire.closed)
        wire = dial(ledger)
        say(wire, b"EHLO a.b")
        wire.feed(body)
        self.assertEqual(codes(wire.take()), [250, 250, 503])
        self.assertTrue(wire.closed)
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))


@tabled
class RefusalTests(SynchronousTestCase):
    """What is not taken, and why."""

    @threat(18)
    @rows(
        third_party=b"<u@elsewhere.org>",
        percent=b"<u%elsewhere.org@foo.com>",
        percent_here=b"<u%elsewhere.org@[192.0.2.25]>",
        route=b"<@foo.com:u@elsewhere.org>",
        routes=b"<@foo.com,@x.org:u@elsewhere.org>",
        bang=b"<elsewhere.org!u>",
        bang_here=b"<elsewhere.org!u@foo.com>",
        quoted=b'<"u@elsewhere.org"@foo.com>',
        quoted_percent=b'<"u%elsewhere.org"@foo.com>',
        quoted_alone=b'<"u@elsewhere.org">',
        literal=b"<u@[192.0.2.7]>",
        literal_loopback=b"<u@[127.0.0.1]>",
        literal_ipv6=b"<u@[IPv6:::1]>",
        subdomain=b"<Jones@x.foo.com>",
        superdomain=b"<Jones@com>",
        suffix=b"<Jones@foo.com.elsewhere.org>",
        no_domain=b"<u>",
        trailing_dot=b"<u@elsewhere.org.>",
        two_ats=b"<u@elsewhere.org@foo.com>",
        space=b"<u @elsewhere.org>",
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
        """Beyond the limit 452 4.5.3, and those before stay (RFC 5321, 4.5.3.1.10)."""
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


@tabled
class FaultTests(SynchronousTestCase):
    """When our own parts fail."""

    @rows(
        space=(TemporaryFailure(SYSTEM_FULL), b"452 4.3.1"),
        trouble=(TemporaryFailure(SYSTEM_TROUBLE), b"451 4.3.0"),
        bug=(ZeroDivisionError("bug"), b"451 4.3.0"),
    )
    @threat(113)
    def test_write(self, failure: Exception, reply: bytes) -> None:
        """A failed write is told at the end of data; nothing stays."""
        ledger = Ledger(write_failure=failure)
        wire = dial(ledger)
        begin(wire)
        wire.feed(b"x\r\ny\r\n")
        self.assertEqual(wire.take(), b"")
        self.assertEqual(ledger.open_bodies, [])
        wire.feed(b"z\r\n.\r\n")
        self.assertEqual(wire.take()[:9], reply)
        self.assertEqual(ledger.stored, [])
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(codes(say(wire, b"NOOP")), [250])

    @rows(
        space=(TemporaryFailure(SYSTEM_FULL), b"452 4.3.1"),
        gone=(PermanentFailure(MAILBOX_UNKNOWN), b"550 5.1.1"),
        bug=(ZeroDivisionError("bug"), b"451 4.3.0"),
    )
    @threat(10, 23)
    def test_commit(self, failure: Exception, reply: bytes) -> None:
        """A failed commit is no 250, and the next transaction starts from nothing."""
        ledger = Ledger(commit_failure=failure)
        wire = dial(ledger)
        begin(wire)
        self.assertEqual(say(wire, b"x\r\n.")[:9], reply)
        self.assertEqual(ledger.open_bodies, [])
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(codes(say(wire, b"RCPT TO:<Jones@foo.com>")), [503])
        ledger.commit_failure = None
        begin(wire)
        self.assertEqual(codes(say(wire, b"x\r\n.")), [250])

    @threat(23)
    def test_reply_waits_for_commit(self) -> None:
        """250 is sent when the commit has returned, and not before."""
        ledger = Ledger(commit_waits=Deferred())
        wire = dial(ledger)
        begin(wire)
        self.assertEqual(say(wire, b"x\r\n.\r\nNOOP"), b"")
        self.assertEqual(ledger.stored, [])
        assert ledger.commit_waits is not None
        ledger.commit_waits.callback(None)
        self.assertEqual(codes(wire.take()), [250, 250])
        self.assertEqual(len(ledger.stored), 1)

    @rows(
        mailbox_full=(TemporaryFailure(MAILBOX_FULL), b"452 4.2.2"),
        directory=(TemporaryFailure(SYSTEM_TROUBLE), b"451 4.3.0"),
        bug=(ZeroDivisionError("bug"), b"451 4.3.0"),
    )
    def test_route(self, failure: Exception, reply: bytes) -> None:
        """One recipient fails, the others are still served."""
        ledger = Ledger()
        wire = dial(ledger)
        say(wire, *_HELLO, b"RCPT TO:<Jones@foo.com>")
        ledger.route_failure = failure
        self.assertEqual(say(wire, b"RCPT TO:<Brown@foo.com>")[:9], reply)
        self.flushLoggedErrors(ZeroDivisionError)
        say(wire, b"DATA", b"x\r\n.")
        self.assertEqual(ledger.stored[0].recipients, ["Jones@foo.com"])

    @rows(
        all=(Delivered(), b"250 2.0.0"),
        some_later=(Failed(MAILBOX_FULL, permanent=False), b"452 4.2.2"),
        some_never=(Failed(MAILBOX_FULL, permanent=True), b"552 5.2.2"),
    )
    def test_fold(self, brown: Delivered | Failed, reply: bytes) -> None:
        """One recipient without the message is no 250: a duplicate beats a loss."""
        ledger = Ledger(outcomes={"Brown": brown})
        wire = dial(ledger)
        rcpts = (b"RCPT TO:<Jones@foo.com>", b"RCPT TO:<Brown@foo.com>")
        answer = say(wire, *_HELLO, *rcpts, b"DATA", b"x\r\n.")
        self.assertEqual(answer[:9], reply)

    def test_policy_bug(self) -> None:
        """A bug is answered 451 4.3.0 and logged once; the session lives on."""
        wire = dial(policy=Rules(bug=ZeroDivisionError("bug")))
        reply = say(wire, *_HELLO, b"RCPT TO:<Jones@foo.com>")
        self.assertEqual(reply[:9], b"451 4.3.0")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(codes(say(wire, b"NOOP")), [250])

    def test_over_limit(self) -> None:
        """Above the connection limits one line is said."""
        self.assertEqual(
            over_limit(PROFILE),
            b"421 4.7.0 mx.foo.com too many connections, try again later\r\n",
        )


@tabled
class EndTests(SynchronousTestCase):
    """A transaction ends as a whole."""

    @rows(
        rset=(b"RSET",),
        ehlo=(b"EHLO other",),
        helo=(b"HELO other",),
    )
    @threat(10)
    def test_reset(self, line: bytes) -> None:
        """After it RCPT and DATA have no transaction, MAIL begins one."""
        wire = dial()
        say(wire, *_HELLO, b"RCPT TO:<Jones@foo.com>", line)
        self.assertEqual(codes(say(wire, b"RCPT TO:<Jones@foo.com>")), [503])
        self.assertEqual(codes(say(wire, b"DATA")), [503])
        self.assertEqual(codes(say(wire, b"MAIL FROM:<>")), [250])
        self.assertEqual(codes(say(wire, b"DATA")), [554])

    @threat(38)
    def test_client_vanishes(self) -> None:
        """A client that goes before the final dot leaves nothing."""
        ledger = Ledger()
        wire = dial(ledger)
        begin(wire)
        wire.feed(b"x\r\n.")
        self.assertEqual(len(ledger.open_bodies), 1)
        wire.client_closes()
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))

    def test_time_out(self) -> None:
        """So does one that is too slow; it is told."""
        ledger = Ledger()
        wire = dial(ledger)
        begin(wire)
        wire.feed(b"x\r\n")
        wire.time_out()
        self.assertEqual(wire.take()[:9], b"421 4.4.2")
        self.assertEqual((ledger.stored, ledger.open_bodies), ([], []))


@tabled
class TlsTests(SynchronousTestCase):
    """STARTTLS."""

    profile = evolve(PROFILE, tls_available=True)

    def test_forgets(self) -> None:
        """What was said in the clear is gone; it is not offered again (RFC 3207)."""
        ledger = Ledger()
        wire = dial(ledger, profile=self.profile)
        self.assertIn(b"250-STARTTLS\r\n", say(wire, b"EHLO clear.example"))
        self.assertEqual(codes(say(wire, b"STARTTLS")), [220])
        self.assertTrue(wire.connection.wants_tls)
        wire.start_tls(TLS_ON)
        self.assertEqual(codes(say(wire, b"MAIL FROM:<>")), [503])
        self.assertNotIn(b"STARTTLS", say(wire, b"EHLO secret.example"))
        self.assertEqual(codes(say(wire, b"STARTTLS")), [503])
        begin(wire)
        say(wire, b"x\r\n.")
        envelope = ledger.stored[0].envelope
        self.assertEqual((envelope.helo, envelope.protocol), ("bar.com", "ESMTPS"))
        self.assertEqual(envelope.peer.tls, TLS_ON)

    @threat(7)
    def test_injection(self) -> None:
        """A command in the segment of STARTTLS is never answered."""
        for pieces in ((b"STARTTLS\r\nNOOP\r\n",), (b"STARTTLS\r\n", b"NOOP\r\n")):
            wire = dial(profile=self.profile)
            say(wire, b"EHLO a")
            for piece in pieces:
                wire.feed(piece)
            if len(pieces) == 1:
                self.assertEqual(wire.take()[:9], b"503 5.5.0")
                self.assertTrue(wire.closed)
            else:
                self.assertEqual(codes(wire.take()), [220])
                wire.start_tls(TLS_ON)
                self.assertEqual(wire.take(), b"")

    def test_not_available(self) -> None:
        """Without a certificate it is neither offered nor done."""
        wire = dial()
        self.assertNotIn(b"STARTTLS", say(wire, b"EHLO a"))
        self.assertEqual(codes(say(wire, b"STARTTLS")), [502])

    def test_utf8_protocol(self) -> None:
        """RFC 6531, section 4.3: UTF8SMTPS."""
        ledger = Ledger()
        wire = dial(ledger, peer=evolve(CLIENT, tls=TLS_ON))
        say(
            wire,
            b"EHLO a",
            b"MAIL FROM:<> SMTPUTF8",
            b"RCPT TO:<Jones@foo.com>",
            b"DATA",
            b"x\r\n.",
        )
        self.assertEqual(ledger.stored[0].envelope.protocol, "UTF8SMTPS")
        self.assertEqual(parse_address(b"Jones@foo.com").domain, "foo.com")

"""Tests of a whole session in memory: what a client sees, and what is stored."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import parse_address
from mailapp.core.envelope import Body
from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import (
    SYSTEM_TROUBLE,
    Status,
)
from tests.play import octetwise
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.smtp.ledger import (
    CLIENT,
    PROFILE,
    TLS_ON,
    Ledger,
    begin,
    codes,
    dial,
    say,
)

_SPAM = Status(7, 1, "not today")
_HELLO = (b"EHLO bar.com", b"MAIL FROM:<Smith@bar.com>")


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
                b"250-CHUNKING",
                b"250-BINARYMIME",
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
        self.assertIn(b"250-EXPN\r\n", say(wire, b"EHLO a"))
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

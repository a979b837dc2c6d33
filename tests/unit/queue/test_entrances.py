"""SMTP with the intake and a real directory behind it: what may come in, and leave."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.address import Address
from mailapp.delivery.local import LocalDelivery
from mailapp.delivery.srs import SenderRewriting
from mailapp.directory.accounts import Accounts, NewPassword
from mailapp.directory.resolve import Directory
from mailapp.directory.types import ListSettings, Posting
from mailapp.message.dsn import Fate, Report, Returned, build
from mailapp.message.dsn_words import Action
from mailapp.queue.intake import Intake
from mailapp.smtp.protocol import compose_smtp
from mailapp.storage.interfaces import IMailStore
from mailapp.storage.types import AccountId
from tests.play import Wire
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.delivery.doubles import Store
from tests.unit.queue.doubles import FakeQueue, Journal
from tests.unit.smtp.ledger import CLIENT, PROFILE, Rules, codes, say
from tests.unit.smtp.relay_forms import RELAY_FORMS

SENDERS = (b"<>", b"<jones@foo.com>", b"<a@elsewhere.org>", b"<postmaster@foo.com>")


@tabled
class EntranceCase(SynchronousTestCase):
    """A server for foo.com: jones, an alias that leaves, a list."""

    def setUp(self) -> None:
        """Make it."""
        self.store, self.queue = Store(), FakeQueue()
        accounts = Accounts(Path(self.mktemp()))
        self.addCleanup(accounts.close)
        accounts.add([(AccountId("jones@foo.com"), NewPassword("x"))], now=1)
        accounts.add_alias("away@foo.com", ["jones@other.org"])
        accounts.add_alias("team@foo.com", ["jones@foo.com", "dave@other.org"])
        owner = Address("jones", "foo.com")
        accounts.set_list("team@foo.com", ListSettings(owner, Posting.OWNER))
        self.accounts = accounts
        tokens = count(1)
        self.intake = Intake(
            LocalDelivery(
                cast(IMailStore, self.store),
                Directory(accounts, ["foo.com"]),
                "mx.foo.com",
                leaves=True,
            ),
            self.queue,
            Journal(),
            "mx.foo.com",
            lambda: 1_000_000_000.0,
            lambda: f"{next(tokens):08}",
            SenderRewriting(b"k" * 32, "foo.com", ["foo.com"]),
        )

    def dial(self) -> Wire:
        """A stranger's connection, greeted."""
        compose = compose_smtp(
            PROFILE,
            self.intake,
            Rules(),
            now=lambda: 1_000_000_000.0,
            token=lambda: "t1",
        )
        wire = Wire(*compose(CLIENT))
        wire.take()
        return wire

    def send(self, recipient: bytes, data: bytes, sender: bytes = SENDERS[2]) -> bytes:
        """The reply to the end of data, after which nothing is under way."""
        wire = self.dial()
        reply = say(
            wire,
            b"EHLO x",
            b"MAIL FROM:" + sender,
            b"RCPT TO:" + recipient,
            b"DATA",
        )
        self.assertEqual([354], codes(reply), reply)
        wire.feed(data)
        reply = wire.take()
        self.assertEqual([], self.queue.open_bodies)
        return reply


@tabled
class RelayTests(EntranceCase):
    """Nothing leaves for a stranger, but by an alias."""

    @threat(18)
    @rows(
        **RELAY_FORMS,
        percent_alias=b"<away%other.org@foo.com>",
        quoted_blank=b'<"u@elsewhere.org "@foo.com>',
        literal_loopback=b"<jones@[127.0.0.1]>",
        literal_ipv6=b"<jones@[IPv6:::1]>",
        postmaster_elsewhere=b"<postmaster@elsewhere.org>",
        subdomain=b"<jones@x.foo.com>",
        superdomain=b"<jones@com>",
        suffix=b"<jones@foo.com.elsewhere.org>",
        trailing_dot_here=b"<jones@foo.com.>",
        two_ats_here=b"<jones@foo.com@elsewhere.org>",
        forged_srs=b"<SRS0=aaaaaa=abcd=elsewhere.org=u@foo.com>",
        forged_srs_again=b"<SRS1=aaaaaa=elsewhere.org==aaaaaa=abcd=x.org=u@foo.com>",
        detail=b"<away+u=elsewhere.org@foo.com.x>",
        list_role=b"<away-bounces@foo.com>",
        no_brackets=b"u@elsewhere.org",
    )
    def test_relay(self, path: bytes) -> None:
        """No form of an address makes us relay, from no sender."""
        for sender in SENDERS:
            wire = self.dial()
            self.assertEqual([250], codes(say(wire, b"EHLO x", b"MAIL FROM:" + sender)))
            reply = say(wire, b"RCPT TO:" + path)
            self.assertEqual(5, codes(reply)[0] // 100, reply)
            self.assertEqual([554], codes(say(wire, b"DATA")))
        self.assertEqual(([], []), (self.queue.entries, self.store.delivered))

    @threat(19, 20)
    def test_backscatter(self) -> None:
        """A forged sender and an unknown user: refused in the session, nobody told."""
        for sender in SENDERS:
            for user in (b"<nobody@foo.com>", b"<jones@sub.foo.com>"):
                wire = self.dial()
                say(wire, b"EHLO x", b"MAIL FROM:" + sender)
                self.assertEqual([550], codes(say(wire, b"RCPT TO:" + user)))
                self.assertEqual([554], codes(say(wire, b"DATA")))
        self.assertEqual(([], []), (self.queue.entries, self.store.delivered))

    def test_catch_all(self) -> None:
        """A catch-all takes such addresses as names of ours: they lead to it only."""
        self.accounts.add_alias("@foo.com", ["jones@foo.com"])
        for path in (b"<u%elsewhere.org@foo.com>", b'<"u@elsewhere.org"@foo.com>'):
            self.assertEqual([250], codes(self.send(path, b"a: b\r\n\r\n.\r\n")))
        self.assertEqual([], self.queue.entries)
        accounts = {to.account for _, tos in self.store.delivered for to in tos}
        self.assertEqual({"jones@foo.com"}, accounts)

    def test_alias(self) -> None:
        """What the administrator lets leave, leaves to there only."""
        reply = self.send(b"<Away@foo.com>", b"a: b\r\n\r\n.\r\n")
        self.assertEqual([250], codes(reply))
        [entry] = self.queue.entries
        self.assertEqual(["jones@other.org"], entry.recipients)
        self.assertTrue(entry.sender.startswith("SRS0="), entry.sender)

    def test_list(self) -> None:
        """Who may not post is told at the end of data, and nothing is sent."""
        reply = self.send(b"<team@foo.com>", b"a: b\r\n\r\n.\r\n")
        self.assertEqual(b"550 5.7.2", reply[:9])
        self.assertEqual([], self.queue.entries)
        reply = self.send(b"<team@foo.com>", b"a: b\r\n\r\n.\r\n", SENDERS[1])
        self.assertEqual([250], codes(reply))
        self.assertEqual("team-bounces@foo.com", self.queue.entries[0].sender)

    def test_bounce(self) -> None:
        """A bounce of a post is the owner's; one of forwarded mail finds its sender."""
        data = b"a: b\r\n\r\n.\r\n"
        self.send(b"<team-bounces@foo.com>", data, b"<>")
        self.assertEqual("jones@foo.com", self.store.delivered[0][1][0].account)
        self.send(b"<away@foo.com>", data)
        sender = self.queue.entries.pop().sender.encode()
        self.send(b"<%b>" % sender, data, b"<>")
        [entry] = self.queue.entries
        self.assertEqual(("", ["a@elsewhere.org"]), (entry.sender, entry.recipients))


PIECES = (b"\r", b"\n", b"\r\n", b".", b"a", b"\0", b"MAIL FROM:<x@y>\r\n")


@tabled
class SmugglingTests(EntranceCase):
    """What lies in the queue is one message of CRLF lines, by whatever way it came."""

    def assert_lines(self, content: bytes) -> None:
        """Every CR and LF is one of a CRLF."""
        rest = content.replace(b"\r\n", b"")
        self.assertTrue({13, 10, 0}.isdisjoint(rest), content)

    @given(st.lists(st.sampled_from(PIECES), max_size=8), st.integers(1, 9))
    @settings(deadline=None, max_examples=40)
    @threat(1, 3)
    def test_smtp(self, pieces: list[bytes], cut: int) -> None:
        """Whatever a client sends, each entry consists of lines, and of one message."""
        self.queue.entries.clear()
        wire = self.dial()
        reply = say(
            wire, b"EHLO x", b"MAIL FROM:<>", b"RCPT TO:<away@foo.com>", b"DATA"
        )
        self.assertEqual([354], codes(reply))
        data = b"a: b\r\n\r\n" + b"".join(pieces) + b"\r\n.\r\n"
        for start in range(0, len(data), cut):
            wire.feed(data[start : start + cut])
        for entry in self.queue.entries:
            self.assert_lines(entry.content)
            self.assertEqual(["jones@other.org"], entry.recipients)
        self.assertLessEqual(len(self.queue.entries), 1)

    @given(st.binary(max_size=80), st.sampled_from(Returned), st.booleans())
    @settings(deadline=None, max_examples=40)
    @threat(3, 24)
    def test_report(self, content: bytes, returned: Returned, utf8: bool) -> None:  # noqa: FBT001
        """Also a report of a message that does not: it is ASCII lines."""
        address = Address("a", "elsewhere.org")
        fate = Fate(address, Action.FAILED, "5.0.0", 0.0, "x\r\n.\r\ny", "mx\n")
        octets = build(
            Report(
                "r1",
                "mx.foo.com",
                address,
                address,
                [fate],
                0.0,
                0.0,
                "e\r\n",
                utf8,
                b"a: b\r\n" + content,
                returned,
            )
        )
        self.assert_lines(octets)
        self.assertTrue(octets.isascii())

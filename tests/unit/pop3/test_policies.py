"""Policies of a site: EXPIRE 0, LOGIN-DELAY, other mailboxes, languages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailapp.pop3 import replies
from mailapp.pop3.languages.table import LANGUAGES
from mailapp.pop3.visits import Visits
from mailapp.storage.types import AccountId, CreateFolder, Destination
from tests.unit.pop.support import NAME, ask, now
from tests.unit.pop3.support import LOGIN, Server

A, B = AccountId("a@example.test"), AccountId("b@example.test")


class ExpireTests(SynchronousTestCase):
    """RFC 2449, section 6.7."""

    def test_never(self) -> None:
        """Usually mail stays, and that is announced."""
        server = Server(b"a\r\n")
        wire = server.login()
        self.assertIn(b"\r\nEXPIRE NEVER\r\n", ask(wire, b"CAPA"))
        ask(wire, b"RETR 1\r\nQUIT")
        self.assertEqual([b"a\r\n"], server.bodies())

    def test_zero(self) -> None:
        """EXPIRE 0: QUIT removes what RETR sent, also after RSET; TOP is no RETR."""
        server = Server(b"a\r\n", b"b\r\n", b"c\r\n", b"d\r\n")
        server.leave_on_server = False
        wire = server.login()
        self.assertIn(b"\r\nEXPIRE 0\r\n", ask(wire, b"CAPA"))
        ask(wire, b"RETR 1\r\nTOP 2 9\r\nRETR 3\r\nDELE 3\r\nRSET")
        self.assertEqual(4, len(server.bodies()))
        self.assertEqual(replies.BYE.octets, ask(wire, b"QUIT"))
        self.assertEqual([b"b\r\n", b"d\r\n"], server.bodies())

    def test_zero_without_quit(self) -> None:
        """Who goes without QUIT removes nothing: there was no UPDATE state."""
        server = Server(b"a\r\n")
        server.leave_on_server = False
        wire = server.login()
        ask(wire, b"RETR 1")
        wire.client_closes()
        self.assertEqual([b"a\r\n"], server.bodies())


class LoginDelayTests(SynchronousTestCase):
    """RFC 2449, sections 6.5 and 8.1.1."""

    def test_delay(self) -> None:
        """A login within the delay is refused, before the maildrop is opened."""
        server = Server(b"a\r\n")
        server.visits = Visits(60, server.clock.seconds)
        wire = server.login()
        self.assertIn(b"\r\nLOGIN-DELAY 60\r\n", ask(wire, b"CAPA"))
        ask(wire, b"QUIT")
        server.clock.advance(59)
        wire = server.connect()
        self.assertIn(b"\r\n-ERR [LOGIN-DELAY] ", ask(wire, LOGIN[:-2]))
        self.assertEqual(0, server.user.logged_in)
        server.clock.advance(1)
        self.assertIn(b"\r\n+OK maildrop has 1 ", ask(wire, LOGIN[:-2]))

    def test_wrong_password(self) -> None:
        """Who has the wrong password does not learn that somebody was here."""
        server = Server()
        server.visits = Visits(60, server.clock.seconds)
        server.login()
        reply = ask(server.connect(), b"USER u\r\nPASS wrong")
        self.assertIn(b"-ERR [AUTH] ", reply)

    def test_in_use_is_no_visit(self) -> None:
        """A login that did not get the maildrop does not count."""
        server = Server()
        first = server.login()
        server.visits = Visits(60, server.clock.seconds)
        second = server.connect()
        self.assertIn(b"[IN-USE]", ask(second, LOGIN[:-2]))
        ask(first, b"QUIT")
        self.assertIn(b"+OK maildrop has", ask(second, LOGIN[:-2]))

    def test_none(self) -> None:
        """Without a delay nothing is announced, remembered or told."""
        told: list[AccountId] = []
        server = Server()
        server.visits = Visits(0, server.clock.seconds, told.append)
        self.assertNotIn(b"LOGIN-DELAY", ask(server.login(), b"CAPA"))
        self.assertEqual(0, len(server.visits))
        self.assertEqual([], told)

    def test_told(self) -> None:
        """Other processes are told, and what they tell counts the same."""
        clock = Clock()
        told: list[AccountId] = []
        here, there = (Visits(9, clock.seconds, told.append) for _ in range(2))
        here.came(A)
        self.assertEqual([A], told)
        there.heard(A)
        self.assertEqual([A], told)
        self.assertTrue(there.too_soon(A))
        self.assertFalse(there.too_soon(B))

    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 20))))
    def test_bounded(self, visits: list[tuple[int, int]]) -> None:
        """Only accounts of the last delay are remembered, and all of those."""
        clock = Clock()
        seen = Visits(10, clock.seconds)
        last: dict[AccountId, float] = {}
        for number, pause in visits:
            clock.advance(pause)
            account = AccountId(f"{number}@example.test")
            last[account] = clock.seconds()
            seen.heard(account)
            recent = {a for a, at in last.items() if clock.seconds() < at + 10}
            self.assertEqual(recent, {a for a in last if seen.too_soon(a)})
            self.assertEqual(len(recent), len(seen))


class FolderTests(SynchronousTestCase):
    """A login may name a mailbox."""

    def server(self) -> Server:
        """One with a message in INBOX and two in Archive/2024."""
        server = Server(b"a\r\n")
        name = ("Archive", "2024")
        now(server.account.commit([CreateFolder(name)], request_id=b"f"))
        for body in (b"x\r\n", b"y\r\n"):
            sink = server.store.stage()
            now(sink.write(body))
            now(server.store.deliver(sink, [Destination(NAME, name)]))
        return server

    def test_folder(self) -> None:
        """It is a maildrop like INBOX, with a lock of its own."""
        server = self.server()
        inbox = server.login()
        server.user.folder = ("Archive", "2024")
        wire = server.connect()
        self.assertIn(b"\r\n+OK maildrop has 2 ", ask(wire, LOGIN[:-2]))
        self.assertIn(b"x\r\n.\r\n", ask(wire, b"RETR 1"))
        ask(wire, b"DELE 1\r\nQUIT")
        again = server.connect()
        self.assertIn(b"\r\n+OK maildrop has 1 ", ask(again, LOGIN[:-2]))
        self.assertEqual(b"+OK 1 3\r\n", ask(inbox, b"STAT"))

    def test_no_such_folder(self) -> None:
        """A mailbox that is not there, or can't be, is [SYS/PERM]."""
        server = self.server()
        for folder in (("Archive", "1999"), ("", ""), ("a\0",)):
            server.user.folder = folder
            wire = server.connect()
            self.assertIn(b"\r\n-ERR [SYS/PERM] ", ask(wire, LOGIN[:-2]))
            self.assertEqual(0, server.user.logged_in)

    def test_inbox(self) -> None:
        """INBOX may be named in any case."""
        server = self.server()
        server.user.folder = ("inbox",)
        self.assertIn(b"has 1 ", ask(server.connect(), LOGIN[:-2]))


class PreferredLanguageTests(SynchronousTestCase):
    """LANG * (RFC 6856, section 3.2)."""

    def test_preferred(self) -> None:
        """It is the one that the site prefers; before it is asked for, English."""
        server = Server()
        server.language = LANGUAGES["nl"]
        wire = server.connect()
        self.assertIn(b"log in first", ask(wire, b"STAT"))
        self.assertEqual(b"+OK nl taal gewijzigd\r\n", ask(wire, b"LANG *"))
        self.assertEqual(b"-ERR meld u eerst aan\r\n", ask(wire, b"STAT"))

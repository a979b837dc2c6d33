"""Servers that are broken or hostile: nothing is lost, doubled, or without an end."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mailapp.fetch.types import Bounds, Keeping, Login, Protection, Report, Source
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.fetch.old_server import Message, OldServer
from tests.unit.fetch.support import SOURCE, Here

ONE: Message = (b"one", b"Subject: 1\r\n\r\nx\r\n")
TWO: Message = (b"two", b"Subject: 2\r\n\r\ny\r\n")
KEPT = evolve(SOURCE, keeping=Keeping(keep=True))
Twist = Callable[[bytes], bytes | None]


def says(octets: bytes | None) -> Twist:
    """Always the same."""
    return lambda _line: octets


@tabled
class HostileTests(SynchronousTestCase):
    """A run with a twist fails in order; the next one without it makes it whole."""

    def play(self, server: OldServer, source: Source = SOURCE) -> Report:
        """A run with its twists, and one without them."""
        here = Here()
        first = here.run(server, source)
        found = here.contents() if here.disk.exists(b"/mail/example.test") else []
        self.assertEqual(len(found), len(set(found)))
        server.twists.clear()
        here.run(server, source)
        here.run(server, source)
        self.assertEqual([ONE[1], TWO[1]], sorted(here.contents()))
        return first

    @rows(
        capa_endless=(b"CAPA", b"+OK\r\n" + b"X\r\n" * 300 + b".\r\n"),
        user_no=(b"USER", b"-ERR [AUTH] no\r\n"),
        user_nonsense=(b"USER", b"*OK\r\n"),
        user_drops=(b"USER", None),
        pass_silent=(b"PASS", b""),
        pass_line=(b"PASS", b"+OK " + b"x" * 10_000),
        list_zero=(b"LIST", b"+OK\r\n0 1\r\n.\r\n"),
        list_twice=(b"LIST", b"+OK\r\n1 1\r\n1 1\r\n.\r\n"),
        list_negative=(b"LIST", b"+OK\r\n-1 1\r\n.\r\n"),
        list_huge=(b"LIST", b"+OK\r\n" + b"9" * 30 + b" 1\r\n.\r\n"),
        list_refused=(b"LIST", b"-ERR\r\n"),
        list_open=(b"LIST", b"+OK\r\n1 1\r\n"),
        uidl_twice=(b"UIDL", b"+OK\r\n1 a\r\n1 b\r\n.\r\n"),
        uidl_line=(b"UIDL", b"+OK\r\n1 " + b"x" * 5000 + b"\r\n.\r\n"),
        retr_drops=(b"RETR", None),
        retr_open=(b"RETR", b"+OK\r\nSubject: 1\r\n"),
        retr_nonsense=(b"RETR", b"hello\r\n"),
        retr_refused=(b"RETR", b"-ERR [SYS/TEMP] later\r\n"),
        dele_drops=(b"DELE", None),
        dele_refused=(b"DELE", b"-ERR\r\n"),
        quit_drops=(b"QUIT", None),
        quit_refused=(b"QUIT", b"-ERR\r\n"),
        quit_silent=(b"QUIT", b""),
    )
    @threat(13, 64, 77)
    def test_twist(self, word: bytes, answer: bytes | None) -> None:
        """A command that is answered with this."""
        self.play(OldServer([ONE, TWO], twists={word: says(answer)}))

    @rows(
        extra=(b"LIST", b"+OK\r\n1 16\r\n2 16\r\n3 16\r\n.\r\n"),
        sizes=(b"LIST", b"+OK\r\n1 999999\r\n2 0\r\n.\r\n"),
        unnamed=(b"UIDL", b"-ERR what?\r\n"),
        half_named=(b"UIDL", b"+OK\r\n1 one\r\n.\r\n"),
        blank=(b"UIDL", b"+OK\r\n1 one\r\n2 \x01\r\n.\r\n"),
        other=(b"UIDL", b"+OK\r\n1 one\r\n2 two\r\n7 no\r\n.\r\n"),
    )
    def test_wrong_counts(self, word: bytes, answer: bytes) -> None:
        """Listings that do not agree with each other."""
        server = OldServer([ONE, TWO], twists={word: says(answer)})
        server.twists[b"RETR"] = lambda line: (
            b"-ERR\r\n" if line == b"RETR 3" else self.retrieve(server, line)
        )
        self.assertEqual("", self.play(server).problem)

    def retrieve(self, server: OldServer, line: bytes) -> bytes:
        """What the server would answer without a twist."""
        return b"+OK\r\n" + server.messages[int(line[5:]) - 1][1] + b".\r\n"

    @rows(kept=KEPT, moved=SOURCE)
    def test_same_names(self, source: Source) -> None:
        """All messages have one unique-id: each comes once, by its octets."""
        server = OldServer([(b"x", ONE[1]), (b"x", TWO[1])])
        self.assertEqual(2, self.play(server, source).fetched)

    def test_names_meet_later(self) -> None:
        """A unique-id that was good becomes ambiguous: no new mail is taken for old."""
        here, server = Here(), OldServer([(b"x", ONE[1])])
        here.run(server, KEPT)
        server.messages.append((b"x", TWO[1]))
        here.run(server, KEPT)
        del server.messages[0]
        server.messages.append((b"y", b"A: 3\r\n\r\n"))
        here.run(server, KEPT)
        self.assertIn(TWO[1], here.contents())
        self.assertEqual(1, here.contents().count(TWO[1]))
        self.assertEqual(1, here.contents().count(b"A: 3\r\n\r\n"))

    def test_changing_names(self) -> None:
        """A server that gives new unique-ids to all has no new mail."""
        here, server = Here(), OldServer([ONE, TWO])
        self.assertEqual(2, here.run(server, KEPT).fetched)
        for turn in range(3):
            server.messages[:] = [
                (b"%d-%d" % (turn, n), body)
                for n, (_, body) in enumerate(server.messages)
            ]
            self.assertEqual(0, here.run(server, KEPT).fetched)
        self.assertEqual(2, len(here.contents()))

    def test_empty_for_an_hour(self) -> None:
        """A maildrop that is empty for a while brings nothing twice."""
        here, server = Here(), OldServer([ONE, TWO])
        here.run(server, KEPT)
        messages, server.messages = server.messages, []
        here.run(server, KEPT)
        server.messages = messages
        self.assertEqual(0, here.run(server, KEPT).fetched)

    @threat(13)
    def test_larger_than_said(self) -> None:
        """A message without end is given up, and not begun again."""
        small = evolve(SOURCE, bounds=Bounds(octets=1000))
        here, server = Here(), OldServer([ONE, TWO])
        server.twists[b"RETR"] = lambda line: (
            b"+OK\r\n" + b"x" * 5000
            if line == b"RETR 1"
            else self.retrieve(server, line)
        )
        self.assertIn("too large", here.run(server, small).problem)
        again = here.run(server, small)
        self.assertEqual(("", 1, 1), (again.problem, again.fetched, again.left))
        self.assertEqual([TWO[1]], here.contents())

    @threat(13)
    def test_bounded_memory(self) -> None:
        """A greeting of 50 MB, in pieces, costs next to nothing."""
        server = OldServer([], greeting=b"+OK " + b"x" * 50_000_000)
        here = Here()
        tracemalloc.start()
        here.run(server, SOURCE, "whole")
        self.assertLess(tracemalloc.get_traced_memory()[0], 110_000_000)
        tracemalloc.stop()

    @threat(29, 53)
    def test_tells_no_password(self) -> None:
        """A server that says our password finds it nowhere in what we tell."""
        for word, answer in (
            (b"PASS", b"-ERR no p w here\r\n"),
            (b"PASS", b"p w\r\n"),
            (b"AUTH", b"-ERR AHUAcCB3\r\n"),
        ):
            server = OldServer([ONE], b"SASL PLAIN\r\nUSER\r\n", {word: says(answer)})
            login = Login.PLAIN if word == b"AUTH" else Login.USER
            done = Here().run(server, evolve(SOURCE, login=login))
            self.assertNotEqual("", done.problem)
            self.assertNotIn("p w", done.problem)
            self.assertNotIn("AHUAcCB3", done.problem)

    @threat(8, 9)
    def test_speaks_before_tls(self) -> None:
        """What comes along with the answer to STLS ends it; no login is tried."""
        server = OldServer([ONE], b"STLS\r\nUSER\r\n")
        server.twists[b"STLS"] = says(b"+OK\r\n+OK injected\r\n")
        source = evolve(SOURCE, protection=Protection.STARTTLS)
        self.assertIn("before TLS", Here().run(server, source).problem)
        server.twists[b"STLS"] = says(b"-ERR\r\n")
        self.assertIn("STLS", Here().run(server, source).problem)
        self.assertEqual([], [c for c in server.commands if c.startswith(b"USER")])

    def test_old(self) -> None:
        """No CAPA, no PIPELINING: one command after the other, USER and PASS."""
        server = OldServer([ONE, TWO], None)
        self.assertEqual(2, self.play(server).deleted)
        self.assertIn(b"USER u", server.commands)

    def test_apop(self) -> None:
        """APOP where it was asked for, with the digest of RFC 1939, section 7."""
        server = OldServer([ONE], None)
        server.greeting = b"+OK x <1896.697170952@dbc.mtview.ca.us>\r\n"
        source = evolve(SOURCE, login=Login.APOP)
        source = evolve(source, password=type(source.password)(b"tanstaaf"))
        self.assertEqual(1, Here().run(server, source).fetched)
        self.assertIn(b"APOP u c4c9334bac560ecc979e58001b3e22fb", server.commands)
        server.greeting = b"+OK <no\x7f@x>\r\n"
        self.assertIn("APOP", Here().run(server, source).problem)

    def test_scram_impostor(self) -> None:
        """A server that accepts SCRAM without a proof of its own is not believed."""
        server = OldServer([ONE], b"SASL SCRAM-SHA-256\r\n")
        server.twists[b"AUTH"] = says(b"+OK\r\n")
        self.assertIn("prove", Here().run(server).problem)

    def test_lone_line_ends(self) -> None:
        """An LF that stands alone is a line end in the store; a CR is an octet."""
        here = Here()
        server = OldServer([(b"x", b"A: b\nC: d\r\n\r\n\r.\n.\nend\r\n")])
        here.run(server)
        (found,) = here.contents()
        self.assertEqual(b"A: b\r\nC: d\r\n\r\n\r.\r\n.\r\nend\r\n", found)

"""APPEND on the wire: messages pass through, and what is refused is no command."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.imap.limits import Limits
from mailapp.net.steps import finish
from mailapp.storage.types import INBOX_ID, NoSpace
from tests.play import octetwise, random_cuts
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.imap.support import Server, ask

BODY = b"Subject: x\r\n\r\nc NOOP\r\n"
SMALL = Limits(message_octets=1000)


def bodies(server: Server) -> list[bytes]:
    """What lies in INBOX."""
    account = server.account

    async def read() -> list[bytes]:
        return [
            b"".join([chunk async for chunk in account.read(item.blob)])
            for item in await account.items(INBOX_ID)
        ]

    return finish(read())


@tabled
class AppendTests(SynchronousTestCase):
    """RFC 9051, section 6.3.12; RFC 3502; RFC 7888."""

    def test_waits(self) -> None:
        """A client that asks is told to go on, and answered when all is durable."""
        server = Server()
        wire = server.login()
        head = b'a APPEND INBOX (\\Seen) "17-Jul-1996 02:44:25 -0700" {%d}' % len(BODY)
        self.assertEqual(b"+ go ahead\r\n", ask(wire, head))
        reply = ask(wire, BODY)
        self.assertTrue(reply.startswith(b"a OK [APPENDUID "), reply)
        self.assertEqual([BODY], bodies(server))

    def test_at_every_cut(self) -> None:
        """However it is cut, it is the same message, and the next command counts."""
        octets = b"a APPEND {5+}\r\ninbox {%d+}\r\n%b\r\nb NOOP\r\n" % (len(BODY), BODY)
        for cut in (octetwise, random_cuts(1), random_cuts(2), random_cuts(3)):
            server = Server()
            wire = server.login()
            wire.feed(octets, cut)
            replies = wire.take().split(b"\r\n")
            self.assertTrue(replies[0].startswith(b"a OK [APPENDUID "), replies)
            self.assertTrue(replies[1].startswith(b"b OK "), replies)
            self.assertEqual([BODY], bodies(server))

    def test_several(self) -> None:
        """MULTIAPPEND: all of them, in order (RFC 3502)."""
        server = Server()
        reply = ask(
            server.login(), b"a APPEND inbox {1+}\r\n1 {1+}\r\n2 (\\Draft) ~{1+}\r\n3"
        )
        self.assertTrue(reply.startswith(b"a OK [APPENDUID "), reply)
        self.assertEqual([b"1", b"2", b"3"], bodies(server))

    @rows(
        no_mailbox=(b"a APPEND Nowhere {1}", b"a NO [TRYCREATE] "),
        too_big=(b"a APPEND inbox {1001}", b"a NO [TOOBIG] "),
        # RFC 3502, section 6.3.11
        empty=(b"a APPEND inbox {0}", b"a NO "),
        empty_unasked=(b"a APPEND inbox {0+}\r\n", b"a NO "),
        flag=(b"a APPEND inbox (\\Foo) {1}", b"a BAD "),
        date=(b'a APPEND inbox "1-Jan-1970 00:00:00 +0000" {1}', b"a BAD "),
        no_space=(b"a APPEND inbox(\\Seen) {1}", b"a BAD "),
    )
    @threat(54)
    def test_refused_first(self, head: bytes, reply: bytes) -> None:
        """What can't be taken is refused before it comes."""
        server = Server(limits=SMALL)
        wire = server.login()
        self.assertTrue(ask(wire, head).startswith(reply))
        self.assertTrue(ask(wire, b"b NOOP").startswith(b"b OK "))
        self.assertEqual([], bodies(server))

    @rows(
        no_mailbox=(b"a APPEND Nowhere {22+}", b"a NO [TRYCREATE] "),
        flag=(b"a APPEND inbox (\\Foo) {22+}", b"a BAD "),
        no_space=(b"a APPEND inbox(\\Seen) {22+}", b"a BAD "),
        no_mailbox_at_all=(b"a APPEND (\\Seen) {22+}", b"a BAD "),
    )
    @threat(56)
    def test_refused_unasked(self, head: bytes, reply: bytes) -> None:
        """What comes unasked and can't be taken is swallowed: it is no command."""
        self.assertEqual(22, len(BODY))
        server = Server(limits=SMALL)
        wire = server.login()
        said = ask(wire, head + b"\r\n" + BODY + b"\r\nb NOOP").split(b"\r\n")
        self.assertTrue(said[0].startswith(reply), said)
        self.assertTrue(said[1].startswith(b"b OK "), said)
        self.assertEqual(3, len(said))
        self.assertEqual([], bodies(server))

    @threat(56)
    def test_too_big_unasked(self) -> None:
        """Beyond what is swallowed the connection ends."""
        wire = Server(limits=SMALL).login()
        self.assertIn(b"* BYE [TOOBIG] ", ask(wire, b"a APPEND inbox {2001+}"))
        self.assertTrue(wire.closed)

    def test_garbage_behind(self) -> None:
        """A command that ends in garbage appends nothing (RFC 3502: all or none)."""
        server = Server()
        wire = server.login()
        for end in (b"x", b")", b" (\\Seen)"):
            reply = ask(wire, b"a APPEND inbox {1+}\r\n1" + end)
            self.assertTrue(reply.startswith(b"a BAD "), reply)
        self.assertEqual([], bodies(server))

    def test_cancelled(self) -> None:
        """An empty message takes back those before it (RFC 3502, section 6.3.11)."""
        server = Server()
        wire = server.login()
        self.assertEqual(b"+ go ahead\r\n", ask(wire, b"a APPEND inbox {1}"))
        self.assertTrue(ask(wire, b"1 {0}").startswith(b"a NO "))
        self.assertTrue(ask(wire, b"b NOOP").startswith(b"b OK "))
        self.assertEqual([], bodies(server))

    def test_client_goes(self) -> None:
        """Half a message is no message."""
        server = Server()
        wire = server.login()
        ask(wire, b"a APPEND inbox {100+}\r\nhalf")
        wire.client_closes()
        self.assertEqual([], bodies(server))
        self.assertEqual(0, server.user.logged_in)

    def test_disk_full(self) -> None:
        """A disk that fills up in the middle is told at the end, once."""
        server = Server()
        stage = server.account.stage

        def full(size_hint: int | None = None):  # type: ignore[no-untyped-def]
            sink = stage(size_hint)

            async def write(octets: bytes) -> None:
                raise NoSpace

            sink.write = write  # type: ignore[method-assign]
            return sink

        server.account.stage = full  # type: ignore[method-assign]
        wire = server.login()
        said = ask(wire, b"a APPEND inbox {1+}\r\n1 {1+}\r\n2\r\nb NOOP").split(b"\r\n")
        self.assertTrue(said[0].startswith(b"a NO [UNAVAILABLE] "), said)
        self.assertTrue(said[1].startswith(b"b OK "), said)

    @threat(54)
    def test_nothing_is_held(self) -> None:
        """Of a large message the connection holds no more than what came last."""
        server = Server()
        wire = server.login()
        wire.feed(b"a APPEND inbox {1000000+}\r\n")
        self.assertEqual(100.0, wire.connection.minimum_rate)
        for _ in range(100):
            wire.feed(b"x" * 10000)
            self.assertEqual(0, wire.connection.buffered)
        self.assertTrue(ask(wire, b"").startswith(b"a OK "))
        self.assertEqual([1000000], [len(body) for body in bodies(server)])

    @given(
        st.lists(
            st.sampled_from(
                [
                    b"a APPEND inbox ",
                    b"a APPEND x ",
                    b"{1+}\r\n",
                    b"{3+}\r\n",
                    b"z",
                    b"\r\n",
                    b"b NOOP\r\n",
                    b" ",
                    b")",
                    b"UTF8 (~{1+}\r\n",
                    b"(\\Seen) ",
                ]
            ),
            max_size=15,
        ),
        st.integers(0, 5),
    )
    @settings(max_examples=100, deadline=None)
    def test_any_order(self, pieces: list[bytes], seed: int) -> None:
        """Any pieces, cut anywhere, end the same way, and never as a bug."""
        said = []
        for cut in (None, random_cuts(seed)):
            server = Server()
            wire = server.login()
            wire.feed(b"".join(pieces), *([cut] if cut else []))
            said.append((wire.take(), bodies(server)))
            self.assertNotIn(b"SERVERBUG", said[-1][0])
        self.assertEqual(said[0], said[1])

"""How POP2 shows messages: in 7 bits, with an exact count, in bounded memory."""

from __future__ import annotations

import tracemalloc
from binascii import b2a_base64
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailapp.core.output import Stream
from mailapp.message.words import decode_text
from mailapp.pop2 import replies
from mailapp.pop2.sevenbit import Mender, Scan, converted, is_clean
from mailapp.pop2.snapshot import Room
from mailapp.storage.types import BlobRef, Unavailable
from tests.play import octetwise, random_cuts
from tests.rows import rows, tabled
from tests.svt import make_message
from tests.unit.pop.support import ask, now
from tests.unit.pop2.support import Server

_LONG = b"x" * 998
_pieces = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b"\0", b"\xe9", b"a", _LONG, b"y" * 500, b"z" * 999]
)
_octets = st.lists(_pieces, max_size=12).map(b"".join)


async def in_seven_bits(octets: bytes) -> bytes | None:
    """As a server does it."""
    return converted(octets)


def mended(octets: bytes, seed: int | None = None) -> bytes:
    """Through a Mender, cut at random places."""
    mender = Mender()
    pieces = [octets] if seed is None or not octets else random_cuts(seed)(octets)
    return b"".join([*map(mender.mend, pieces), mender.finish()])


@tabled
class ScanTests(SynchronousTestCase):
    """What is NVT-ASCII already."""

    @rows(
        empty=(b"", True),
        plain=(b"A: b\r\n\r\nc\r\n", True),
        no_line_end=(b"A: b", True),
        longest=(_LONG + b"\r\n" + _LONG + b"\r\n", True),
        too_long=(_LONG + b"x\r\n", False),
        too_long_at_end=(b"a\r\n" + _LONG + b"x", False),
        eight_bit=(b"\x80\r\n", False),
        nul=(b"\0\r\n", False),
        lone_cr=(b"a\rb\r\n", False),
        lone_lf=(b"a\nb\r\n", False),
        cr_at_end=(b"a\r", False),
        twice_cr=(b"a\r\r\n", False),
    )
    def test_clean(self, octets: bytes, clean: bool) -> None:  # noqa: FBT001 - a row
        """Whole and octet by octet."""
        self.assertEqual(clean, is_clean(octets))
        scan = Scan()
        for piece in octetwise(octets):
            scan.feed(piece)
        self.assertEqual(clean, scan.finish())
        self.assertEqual(len(octets), scan.size_octets)

    @given(_octets, st.integers(0, 99))
    def test_mended_is_clean(self, octets: bytes, seed: int) -> None:
        """Whatever goes in, cut anywhere, the same clean octets come out."""
        whole = mended(octets)
        self.assertTrue(is_clean(whole))
        self.assertEqual(whole, mended(octets, seed))
        if is_clean(octets):
            self.assertEqual(octets, whole)

    @rows(
        latin=(b"Gr\xfc\xdfe\r\n", b"Gr??e\r\n"),
        lone=(b"a\rb\nc", b"a?b\r\nc"),
        long=(_LONG + b"yz\r\nq", _LONG + b"\r\nyz\r\nq"),
        very_long=(_LONG * 3 + b"\r\n", b"\r\n".join([_LONG] * 3) + b"\r\n"),
    )
    def test_mended(self, octets: bytes, wanted: bytes) -> None:
        """Question marks for what can't be shown; long lines are cut."""
        self.assertEqual(wanted, mended(octets))


class ShownTests(SynchronousTestCase):
    """What a client gets."""

    def shown(self, server: Server) -> tuple[int, bytes]:
        """The count, and the octets, of message 1."""
        wire = server.login()
        count = int(ask(wire, b"READ 1").split()[0][1:])
        octets = ask(wire, b"RETR")
        self.assertEqual(b"=%d characters\r\n" % count, ask(wire, b"NACK"))
        self.assertEqual(octets, ask(wire, b"RETR"))
        self.assertEqual(b"=0 no message\r\n", ask(wire, b"ACKS"))
        wire.client_closes()
        return count, octets

    def test_seven_bit(self) -> None:
        """What is clean is sent as it is, small or large."""
        for body in (b"A: b\r\n\r\n.\r\nc", make_message("dots:500000")):
            self.assertEqual((len(body), body), self.shown(Server(body)))

    def test_converted(self) -> None:
        """An 8-bit message comes as 7-bit MIME that means the same."""
        body = (
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
        ).encode()
        server = Server(body)
        server.convert = in_seven_bits
        converted_body = b2a_base64("Grüße\r\n".encode(), newline=False) + b"\r\n"
        count, octets = self.shown(server)
        self.assertEqual(count, len(octets))
        self.assertTrue(is_clean(octets))
        self.assertEqual(converted_body, octets.partition(b"\r\n\r\n")[2])
        self.assertEqual(Room(), server.room)

    def test_surrogate(self) -> None:
        """Of a header in UTF-8 comes a surrogate (RFC 6857) that says the same."""
        body = (
            "From: Jürgen <jürgen@example.test>\r\nSubject: Grüße\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
        ).encode()
        server = Server(body)
        server.convert = in_seven_bits
        count, octets = self.shown(server)
        self.assertEqual(count, len(octets))
        self.assertTrue(is_clean(octets))
        header = octets.partition(b"\r\n\r\n")[0]
        (subject,) = [v for v in header.split(b"\r\n") if v.startswith(b"Subject: ")]
        self.assertEqual("Grüße", decode_text(subject[len(b"Subject: ") :]))

    def test_inconvertible(self) -> None:
        """What can't be converted, or is too large for that, has question marks."""
        body = b"A: b\r\n\r\n" + b"Gr\xfc\xdfe\r\n" * 40_000
        for most_octets in (2**20, 1000):
            server = Server(body)
            server.most_octets = most_octets
            count, octets = self.shown(server)
            self.assertEqual(len(octets), count)
            self.assertEqual(body.translate(_QUESTION), octets)
            self.assertEqual(Room(), server.room)

    def test_a_wrong_conversion(self) -> None:
        """A conversion that is not clean is not believed."""
        server = Server(b"\xe9\r\n")

        async def wrong(octets: bytes) -> bytes:
            return octets

        server.convert = wrong
        self.assertEqual((3, b"?\r\n"), self.shown(server))

    def test_room(self) -> None:
        """All converted messages share a room; who finds none may come again."""
        server = Server(b"A: b\r\n\r\n" + b"\xe9" * 100 + b"\r\n")
        server.convert = in_seven_bits
        server.deliver(b"A: b\r\n\r\n" + b"\xe9" * 100 + b"\r\n", ("Archive",))
        server.room = Room(300)
        first = server.login()
        self.assertTrue(ask(first, b"FOLD Archive").startswith(b"#1"))
        ask(first, b"READ")
        second = server.login()
        self.assertEqual(replies.NO_ROOM.octets, ask(second, b"READ"))
        ask(first, b"READ 9")
        self.assertEqual(Room(300), server.room)
        ask(first, b"READ 1")
        first.client_closes()
        self.assertEqual(Room(300), server.room)

    def test_changed_meanwhile(self) -> None:
        """A message that is changed after READ breaks off, never comes out wrong."""
        body = make_message("100000")
        for change in (body[:-1], body + b"x"):
            server = Server(body)
            wire = server.login()
            self.assertEqual(b"=100000 characters\r\n", ask(wire, b"READ"))

            async def other(
                blob: BlobRef, change: bytes = change
            ) -> AsyncIterator[bytes]:
                del blob
                yield change

            server.account.read = other  # type: ignore[method-assign,assignment]
            wire.connection.receive(b"RETR\r\n")
            answer = now(wire.session.respond(wire.connection.next_event()))
            (stream,) = wire.connection.send(answer)
            assert isinstance(stream, Stream)
            with self.assertRaises(Unavailable):
                now(_drain(stream.chunks))

    def test_memory(self) -> None:
        """A large message is not in memory, clean or not."""
        for body in (make_message("4000000"), (b"\xe9" * 70 + b"\r\n") * 55_000):
            server = Server(body)
            wire = server.login()
            tracemalloc.start()
            self.addCleanup(tracemalloc.stop)
            ask(wire, b"READ")
            wire.connection.receive(b"RETR\r\n")
            answer = now(wire.session.respond(wire.connection.next_event()))
            (stream,) = wire.connection.send(answer)
            assert isinstance(stream, Stream)
            sent = now(_drain(stream.chunks))
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            self.assertGreater(sent, 3_900_000)
            self.assertLess(peak, 1_500_000)


_QUESTION = bytes(range(128)) + b"?" * 128


async def _drain(chunks: AsyncIterator[bytes]) -> int:
    """How many octets come."""
    octets = 0
    async for chunk in chunks:
        octets += len(chunk)
    return octets

"""FI-18: whatever a server does at whatever step, each recipient has the right word."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailapp.core.failures import TemporaryFailure
from mailapp.core.status import SYSTEM_TROUBLE
from mailapp.queue.interfaces import IContent
from mailapp.relay.routes import Route, Routes
from tests.rows import rows, tabled
from tests.threats import threat
from tests.unit.relay.net import ALL, DROP, MESSAGE, SILENT, FakeServer, World, outcomes

LOCKSTEP = ("8BITMIME", "SIZE")
PIPELINED = ("PIPELINING", "8BITMIME", "SIZE")
WAYS = {"lockstep": LOCKSTEP, "pipelined": PIPELINED, "chunked": ALL}
STEPS = ("greeting", "ehlo", "mail", "rcpt", "data", "content")
FINE = b"250 2.1.5 fine\r\n"
DEFERRED, FAILED, RELAYED = "deferred", "failed", "relayed"


def lmtp_routes() -> Routes:
    """Everything goes to one LMTP server."""
    route = Route(name="mailboxes", host="192.0.2.1", port=24, lmtp=True)
    return Routes([route])


def attempted(way: tuple[str, ...], **steps: Any) -> list[tuple[str, str]]:
    """Outcomes for two recipients."""
    world = World(lambda: FakeServer(way, **steps))
    found = outcomes(world.carry("bob", "carl"))
    # only a session that is in order may be kept
    open_ones = [server for server in world.connected if not server.closed]
    if len(open_ones) != len(world.relay._pool):
        raise AssertionError(open_ones)
    return found


@tabled
class StepTests(SynchronousTestCase):
    """One fault at one step, in each way of sending."""

    def each_way(self, step: str, reply: bytes, outcome: str, status: str) -> None:
        """The same with PIPELINING, with CHUNKING, and without."""
        for name, way in WAYS.items():
            if step == "data" and way is ALL:
                continue  # BDAT has no go-ahead
            with self.subTest(way=name):
                found = attempted(way, **{step: reply})
                self.assertEqual(found, [(outcome, status)] * 2)

    @rows(**{step: (step,) for step in STEPS})
    @threat(22)
    def test_drop(self, step: str) -> None:
        """A connection that is lost before the last word leaves all deferred."""
        self.each_way(step, DROP, DEFERRED, "4.4.2")

    @rows(**{step: (step,) for step in STEPS})
    def test_silent(self, step: str) -> None:
        """A server that never answers is left when its time is up."""
        self.each_way(step, SILENT, DEFERRED, "4.4.2")

    @rows(**{step: (step,) for step in STEPS})
    def test_garbage(self, step: str) -> None:
        """What is no reply ends the session; nothing is believed afterwards."""
        self.each_way(step, b"\x16\x03\x01 what?\r\n", DEFERRED, "4.5.0")

    @rows(**{step: (step,) for step in STEPS})
    def test_endless_line(self, step: str) -> None:
        """A line without end costs its cap."""
        self.each_way(step, b"250 " + b"x" * 10_000, DEFERRED, "4.5.0")

    @rows(**{step: (step,) for step in STEPS})
    def test_endless_reply(self, step: str) -> None:
        """A reply without end costs its cap."""
        self.each_way(step, b"250-x\r\n" * 600, DEFERRED, "4.5.0")

    @rows(**{step: (step,) for step in STEPS})
    def test_temporary(self, step: str) -> None:
        """4yz is tried again."""
        self.each_way(step, b"450 4.2.0 later\r\n", DEFERRED, "4.2.0")

    @rows(**{step: (step,) for step in STEPS})
    def test_closing(self, step: str) -> None:
        """421 is tried again, whatever was asked (RFC 5321, section 3.8)."""
        reply = b"421 4.3.2 going down\r\n" + DROP
        self.each_way(step, reply, DEFERRED, "4.3.2")

    @rows(**{step: (step,) for step in STEPS if step != "ehlo"})
    def test_permanent(self, step: str) -> None:
        """5yz is final."""
        self.each_way(step, b"554 5.7.1 never\r\n", FAILED, "5.7.1")

    def test_no_ehlo(self) -> None:
        """Who refuses EHLO gets HELO."""
        self.each_way("ehlo", b"502 5.5.1 what?\r\n", RELAYED, "2.0.0")

    @rows(**{step: (step,) for step in ("mail", "rcpt", "content")})
    def test_out_of_place(self, step: str) -> None:
        """A reply of a kind that can't be there ends the session."""
        self.each_way(step, b"354 go on\r\n", DEFERRED, "4.5.0")

    def test_drop_after_the_last_word(self) -> None:
        """What was taken stays taken."""
        taken = b"250 2.0.0 taken\r\n" + DROP
        self.each_way("content", taken, RELAYED, "2.0.0")

    def test_slow_letters(self) -> None:
        """One octet a second is no answer in time (RFC 5321, section 4.5.3.2.1)."""
        world = World(lambda: FakeServer(greeting=SILENT))

        def drip() -> None:
            if world.connected and not world.connected[-1].closed:
                world.connected[-1].pipe.protocol.dataReceived(b"2")
            world.clock.callLater(1, drip)

        world.clock.callLater(1, drip)
        self.assertEqual(outcomes(world.carry()), [(DEFERRED, "4.4.2")])
        self.assertAlmostEqual(world.seconds, 300, delta=3)


@tabled
class RecipientTests(SynchronousTestCase):
    """Recipients that fare differently."""

    @rows(**{name: (way,) for name, way in WAYS.items()})
    def test_one_refused(self, way: tuple[str, ...]) -> None:
        """Who is refused fails, who is not gets the message, once."""
        world = World(lambda: FakeServer(way, rcpt=[FINE, b"550 5.1.1 who?\r\n", FINE]))
        found = outcomes(world.carry("a", "b", "c"))
        expected = [(RELAYED, "2.0.0"), (FAILED, "5.1.1"), (RELAYED, "2.0.0")]
        self.assertEqual(found, expected)
        self.assertEqual(world.connected[0].messages, [MESSAGE])

    @rows(**{name: (way,) for name, way in WAYS.items()})
    def test_all_refused(self, way: tuple[str, ...]) -> None:
        """Nobody is left: the words are those of RCPT, and the session lives on."""
        world = World(
            lambda: FakeServer(way, rcpt=[b"550 5.1.1 who?\r\n", b"450 4.2.1 wait\r\n"])
        )
        found = outcomes(world.carry("a", "b"))
        self.assertEqual(found, [(FAILED, "5.1.1"), (DEFERRED, "4.2.1")])
        self.assertEqual(outcomes(world.carry("a")), [(RELAYED, "2.0.0")])
        self.assertEqual(len(world.connected), 1)
        self.assertIn(b"RSET", world.connected[0].commands)

    def test_data_for_nobody(self) -> None:
        """354 although nobody is left is answered with a dot (RFC 2920)."""
        world = World(
            lambda: FakeServer(
                PIPELINED, rcpt=b"550 5.1.1 who?\r\n", data=b"354 go\r\n"
            )
        )
        self.assertEqual(outcomes(world.carry()), [(FAILED, "5.1.1")])
        self.assertEqual(world.connected[0].messages, [])
        self.assertEqual(world.connected[0].writes[-1], b".\r\n")

    def test_one_reply_for_two(self) -> None:
        """An LMTP server that falls silent leaves the second recipient deferred."""
        for reply in (SILENT, DROP):
            world = World(
                lambda reply=reply: FakeServer(  # type: ignore[misc]
                    lmtp=True, content=[b"250 2.0.0 one\r\n", reply]
                ),
                routes=lmtp_routes(),
            )
            found = outcomes(world.carry("a", "b", destination="mailboxes"))
            self.assertEqual(found, [(RELAYED, "2.0.0"), (DEFERRED, "4.4.2")])

    def test_lmtp_words(self) -> None:
        """Each recipient has a reply of its own (RFC 2033, section 4.2)."""
        replies = [b"250 2.0.0 one\r\n", b"452 4.2.2 full\r\n", b"550 5.2.1 off\r\n"]
        for way in WAYS.values():
            world = World(
                lambda way=way: FakeServer(  # type: ignore[misc]
                    way, lmtp=True, content=list(replies)
                ),
                routes=lmtp_routes(),
            )
            found = outcomes(world.carry("a", "b", "c", destination="mailboxes"))
            expected = [(RELAYED, "2.0.0"), (DEFERRED, "4.2.2"), (FAILED, "5.2.1")]
            self.assertEqual(found, expected)

    def test_too_many(self) -> None:
        """452 for the third: it goes next, over the same connection."""
        for code in (b"452 4.5.3", b"552", b"452"):
            refusal = code + b" too many recipients\r\n"
            world = World(
                lambda refusal=refusal: FakeServer(  # type: ignore[misc]
                    rcpt=[FINE, FINE, refusal]
                )
            )
            found = outcomes(world.carry("a", "b", "c"))
            self.assertEqual(found, [(RELAYED, "2.0.0")] * 3)
            self.assertEqual(len(world.connected), 1)
            self.assertEqual(len(world.connected[0].messages), 2)

    def test_mailbox_full(self) -> None:
        """552 with a status of its own means what it says."""
        world = World(lambda: FakeServer(rcpt=[FINE, b"552 5.2.2 full\r\n"]))
        found = outcomes(world.carry("a", "b"))
        self.assertEqual(found, [(RELAYED, "2.0.0"), (FAILED, "5.2.2")])

    @rows(mail="mail", content="content")
    def test_too_big(self, step: str) -> None:
        """552 to MAIL or the content fails at once (RFC 1870, section 6.2)."""
        steps: Any = {step: [b"552 message too big\r\n"]}
        world = World(lambda: FakeServer(**steps))
        self.assertEqual(outcomes(world.carry("a", "b")), [(FAILED, "5.0.0")] * 2)


class ContentTests(SynchronousTestCase):
    """Faults while a long content is sent."""

    BIG = b"Subject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 5000

    def test_refused_early(self) -> None:
        """A refusal in the middle of the content is the word; the rest is not sent."""
        world = World(lambda: FakeServer(PIPELINED))
        server: list[FakeServer] = []

        @implementer(IContent)
        class Content:
            size_octets = len(self.BIG)

            async def read(self, start: int, length: int) -> bytes:
                if start > 100_000 and not server:
                    server.append(world.connected[0])
                    reply = b"552 5.3.4 too much\r\n"
                    server[0].pipe.protocol.dataReceived(reply)
                return ContentTests.BIG[start : start + length]

        found = outcomes(world.carry(content=Content()))
        self.assertEqual(found, [(FAILED, "5.3.4")])
        self.assertTrue(server[0].closed)
        self.assertEqual(server[0].messages, [])

    def test_praised_early(self) -> None:
        """250 before the final dot is not believed."""
        world = World(
            lambda: FakeServer(PIPELINED, data=b"354 go\r\n250 2.0.0 thanks\r\n")
        )
        self.assertEqual(outcomes(world.carry(content=self.BIG)), [(DEFERRED, "4.5.0")])

    def test_unreadable(self) -> None:
        """A disk that fails in the middle leaves no message there, and all deferred."""
        for size in (1000, 200_000):
            world = World(lambda: FakeServer(PIPELINED))

            @implementer(IContent)
            class Content:
                size_octets = size

                async def read(self, start: int, length: int) -> bytes:
                    if start + length >= self.size_octets:
                        raise TemporaryFailure(SYSTEM_TROUBLE)
                    return b"x" * length

            found = outcomes(world.carry(content=Content()))
            self.assertEqual(found, [(DEFERRED, "4.3.0")])
            self.assertEqual(world.connected[0].messages, [])

    def test_server_that_does_not_read(self) -> None:
        """One octet a second is not enough (RFC 5321, section 4.5.3.2.5)."""
        world = World(lambda: FakeServer(PIPELINED))
        written = FakeServer.hear

        def stall(server: FakeServer, octets: bytes) -> None:
            written(server, octets)
            if len(octets) > 10_000:
                server.pipe.producer.pauseProducing()

        self.patch(FakeServer, "hear", stall)
        found = outcomes(world.carry(content=self.BIG))
        self.assertEqual(found, [(DEFERRED, "4.4.2")])
        self.assertLess(world.seconds, 400)
        self.assertTrue(world.connected[0].closed)

    def test_big_content_arrives(self) -> None:
        """Every octet, in the ways that there are."""
        for way in WAYS.values():
            world = World(lambda way=way: FakeServer(way))  # type: ignore[misc]
            found = outcomes(world.carry(content=self.BIG))
            self.assertEqual(found, [(RELAYED, "2.0.0")])
            self.assertEqual(world.connected[0].messages, [self.BIG])
